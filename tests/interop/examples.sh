#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every file of etc/examples at work, as it is: with the return routes, rules and lines for HAProxy and
# nginx from its own comments, and stand-ins for the load balancers that cannot be had here. Each time
# the server sees the client's address and port.
. "$(dirname "$0")/lib.sh"
need haproxy nft python3 socat
need_nginx_stream
private_network "$@"
# What a pipe leads to starts programs of this shell.
shopt -s lastpipe

top=$(cd "$(dirname "$0")/../.." && pwd)
cp "$top"/etc/examples/*.conf "$dir"
# The load balancer of this test, as contrib/cloudflare-networks would write it.
printf '%s\n' 198.51.100.1/32 2001:db8:5::1/128 >"$dir/cloudflare.subnets"

# The examples bring routes of their own.
ip rule del from 127.0.0.0/8 iif lo table 123
ip route flush table 123
if has_ipv6; then
	ip -6 rule del from ::1/128 iif lo table 123
	ip -6 route flush table 123
fi

# block NAME REGEX: what stands in the example's comment behind that line.
block()
{
	"$top/tests/lint/example_block" "$dir/$1.conf" "$2"
}

# commands: run those on standard input one by one, as if all were installed.
commands()
{
	local line

	while read -r line; do
		# The line is a command with arguments.
		# shellcheck disable=SC2086
		STATE_DIR=$dir ${line/#\/usr\/share\/mmproxy/$top\/contrib} || fail "$line"
	done
}

# without_ipv6: standard input, without what needs IPv6 where there is none.
without_ipv6()
{
	if has_ipv6; then
		cat
	else
		grep -v -E '\[::|:::|ip6|2001:' || true
	fi
}

# start_example NAME: mmproxy with that file.
start_example()
{
	local name=$1

	if ! has_ipv6; then
		sed -i -E '/^ +listen = /s/, "\[[^"]*"//; / listen = /s/\[::\]/0.0.0.0/' "$dir/$name.conf"
	fi
	: >"$dir/mmproxy.log"
	# The wrapper is a command with arguments.
	# shellcheck disable=SC2086
	start mmproxy ${MMPROXY_WRAPPER:-} "$MMPROXY" -c "$dir/$name.conf"
	mmproxy_pid=$pid
	wait_for "mmproxy with $name.conf" grep -q ' is ready' "$dir/mmproxy.log"
}

# stop_example: without the time that flows of UDP may go on.
stop_example()
{
	local status=0

	kill "$mmproxy_pid"
	wait_for_line "$dir/mmproxy.log" 'msg="stopping'
	kill "$mmproxy_pid" 2>/dev/null || true
	wait "$mmproxy_pid" || status=$?
	[ "$status" = 0 ] || fail "mmproxy ended with status $status"
}

# listens_at ADDRESS:PORT
listens_at()
{
	[ -n "$(ss --tcp --listening --numeric --no-header "src $1")" ]
}

# serve tcp|udp PORT ADDRESS...: servers that tell each client who it is.
serve()
{
	local protocol=$1 port=$2 address ready=listens_at

	shift 2
	if [ "$protocol" = udp ]; then
		ready=listens_udp
	fi
	for address; do
		if [[ $address == *:* ]]; then
			has_ipv6 || continue
		fi
		start "server$port" python3 "$top/tests/interop/who.py" "$protocol" "$address" "$port"
		[[ $address != *:* ]] || address="[$address]"
		wait_for "server on $address, port $port" "$ready" "$address:$port"
	done
}

serve tcp 22 127.0.0.1 ::1
serve tcp 25578 127.0.0.1 ::1
serve udp 27016 127.0.0.1

# balances PORT: whether the load balancer listens there for each family. It does not for all at once.
balances()
{
	local families=1

	if has_ipv6; then
		families=2
	fi
	[ "$(in_lb ss --tcp --listening --numeric --no-header "sport = :$1" | wc -l)" -ge "$families" ]
}

# server_is_up PROXY: whether haproxy's server1 runs there, and its latest check passed.
server_is_up()
{
	echo "show servers state $1" | socat -t 5 - "UNIX-CONNECT:$dir/haproxy.sock" |
		awk '$4 == "server1" && $6 == 2 && $12 == 3 { up = 1 } END { exit !up }'
}

ipv4='^203\.0\.113\.7'
ipv6='^2001:db8:c::7'

# ask TCP4|TCP6 ADDRESS-PORT CLIENT-PORT: what the server tells the client at the load balancer.
ask()
{
	local from=203.0.113.7

	if [ "$1" = TCP6 ]; then
		from='[2001:db8:c::7]'
	fi
	in_client timeout $((30 * patience)) socat -u -T $((20 * patience)) "$1:$2,bind=$from:$3" - ||
		fail "no connection to $2"
}

# --- HAProxy -----------------------------------------------------------------------------------------

block haproxy 'without it:$' | commands
start_example haproxy
block haproxy 'haproxy\.cfg' | without_ipv6 | start_haproxy 22
wait_for "haproxy" balances 22
haproxy_pid=$pid
expect "haproxy.conf, IPv4" "$ipv4 40001\$" "$(ask TCP4 203.0.113.1:22 40001)"
if has_ipv6; then
	expect "haproxy.conf, IPv6" "$ipv6 40002\$" "$(ask TCP6 '[2001:db8:c::1]:22' 40002)"
fi
wait_for "check that passed" server_is_up ssh
kill "$haproxy_pid"
stop_mmproxy

# --- nginx ---------------------------------------------------------------------------------------------

start_example nginx-stream
block nginx-stream 'nginx\.conf' | without_ipv6 | write_nginx balancer
start_in lb balancer nginx -e stderr -c "$dir/balancer.conf"
wait_for "nginx" balances 25565
expect "nginx-stream.conf, IPv4" "$ipv4 40003\$" "$(ask TCP4 203.0.113.1:25565 40003)"
if has_ipv6; then
	expect "nginx-stream.conf, IPv6" "$ipv6 40004\$" "$(ask TCP6 '[2001:db8:c::1]:25565' 40004)"
fi
stop_mmproxy

# --- AWS and Cloudflare, TCP: a header of version 2 from their addresses ----------------------------

# announce HOST ADDRESS:PORT CLIENT-PORT [OPTIONS]: the answer to a connection that begins with a header
# of version 2, INET over STREAM, for 203.0.113.7 and that port.
announce()
{
	{
		printf '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x02'
		# The port's two bytes, as printf writes bytes.
		# shellcheck disable=SC2059
		printf "$(printf '\\x%02x\\x%02x' $(($3 >> 8)) $(($3 & 255)))"
		printf '\0\x16'
	} | "$1" timeout $((30 * patience)) socat -t $((20 * patience)) - "TCP4:$2${4:-}" ||
		fail "no connection to $2"
}

in_server()
{
	"$@"
}

in_lb ip addr add 10.0.1.5/24 dev to-server
ip addr add 10.0.1.2/24 dev to-lb
start_example aws-nlb
expect "aws-nlb.conf" "$ipv4 40005\$" "$(announce in_lb 10.0.1.2:2222 40005 ,bind=10.0.1.5)"
# With preserve_client_ip the NLB would come from other addresses.
in_lb socat -u -T 5 TCP4:198.51.100.2:2222 - >"$dir/stranger" 2>&1 || true
expect "aws-nlb.conf, another peer" 'peer=198\.51\.100\.1:[0-9]+ reason=peer_denied' \
	"$(wait_for_line "$dir/mmproxy.log" 'reason=peer_denied')"
stop_mmproxy

start_example cloudflare-spectrum-tcp
expect "cloudflare-spectrum-tcp.conf" "$ipv4 40007\$" "$(announce in_lb 198.51.100.2:2222 40007)"
stop_mmproxy

# --- Cloudflare, UDP ----------------------------------------------------------------------------------

start_example cloudflare-spectrum-udp
start_in lb spectrum python3 "$top/tests/interop/udp_balancer.py" spp 203.0.113.1 27015 198.51.100.2 27015
wait_for "the balancer for UDP" listens_udp 203.0.113.1:27015 in_lb

# ask_udp HOST ADDRESS:PORT FROM: the answer to one datagram. UDP may lose some.
ask_udp()
{
	local try answer

	for try in 1 2 3 4 5; do
		answer=$(echo "question $try" | "$1" socat -t "$patience" - "UDP4:$2,bind=$3") || true
		[ -z "$answer" ] || break
	done
	printf '%s\n' "$answer"
}

expect "cloudflare-spectrum-udp.conf" "$ipv4 40008\$" \
	"$(ask_udp in_client 203.0.113.1:27015 203.0.113.7:40008)"
stop_example

# --- frp: both its ends on this host, the clients at the other host's address -----------------------

start_example frp
expect "frp.conf, TCP" "$ipv4 40009\$" "$(announce in_server 127.0.0.1:2222 40009)"
start frpc python3 "$top/tests/interop/udp_balancer.py" first 198.51.100.2 27015 127.0.0.1 27015
wait_for "the stand-in for frpc" listens_udp 198.51.100.2:27015
expect "frp.conf, UDP" '^198\.51\.100\.1 40010$' \
	"$(ask_udp in_lb 198.51.100.2:27015 198.51.100.1:40010)"
stop_example

# --- TPROXY ----------------------------------------------------------------------------------------

nft 'add table inet probe; add chain inet probe p { type filter hook prerouting priority mangle; }
	add rule inet probe p tcp dport 1 tproxy to :1; delete table inet probe' 2>"$dir/nft.log" || {
	echo "tproxy.conf is left out: this kernel has no TPROXY rules"
	exit 0
}
block tproxy 'return routes for it:$' | commands
in_lb ip addr add 192.0.2.80/32 dev lo
in_client ip route add 192.0.2.80 via 203.0.113.1
if has_ipv6; then
	in_lb ip addr add 2001:db8:8::80/128 dev lo nodad
	in_client ip route add 2001:db8:8::80 via 2001:db8:c::1
fi
serve tcp 20000 192.0.2.80 2001:db8:8::80
serve tcp 20567 192.0.2.80 2001:db8:8::80
start_example tproxy
block tproxy 'haproxy\.cfg' | without_ipv6 | start_haproxy 20000
wait_for "haproxy" balances 20000
wait_for "haproxy" balances 20567
expect "tproxy.conf, first port" "$ipv4 40011\$" "$(ask TCP4 192.0.2.80:20000 40011)"
expect "tproxy.conf, another port" "$ipv4 40012\$" "$(ask TCP4 192.0.2.80:20567 40012)"
expect "tproxy.conf, mmproxy's log" 'backend=192\.0\.2\.80:20567 ' \
	"$(wait_for_line "$dir/mmproxy.log" ' client=203\.0\.113\.7:40012 ')"
if has_ipv6; then
	expect "tproxy.conf, IPv6" "$ipv6 40013\$" "$(ask TCP6 '[2001:db8:8::80]:20567' 40013)"
fi
# HAProxy's checks reach the server.
wait_for "check that passed" server_is_up games
stop_mmproxy
