#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# dig -> a UDP load balancer -> mmproxy -> dnsmasq: the server logs the client's address and port,
# whichever way the load balancer tells it.
. "$(dirname "$0")/lib.sh"
need dnsmasq dig python3
private_network "$@"

# Longer than a packet: it comes in fragments.
long=$(printf '%0200d' 0)
start dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --pid-file= \
	--port=5300 --listen-address=127.0.0.1,::1 --bind-interfaces --no-resolv --no-hosts \
	--address=/example.test/192.0.2.77 --edns-packet-max=4096 \
	--txt-record="long.test,$long,$long,$long,$long,$long,$long,$long,$long,$long,$long" \
	--log-queries=extra --log-facility=-
wait_for "dnsmasq" listens_udp 127.0.0.1:5300

start_mmproxy 7053 listens_udp <<-END
	defaults = {
	  protocol = "udp";
	  close_after = "8s"; # longer than dig takes to ask again, even on a busy machine
	  targets = { ipv4 = "127.0.0.1:5300"; ipv6 = "[::1]:5300"; };
	  allowed_subnets = [ "198.51.100.1", "2001:db8:5::1" ];
	};
	listeners = (
	  { name = "each"; listen = [ "198.51.100.2:7053", "[::]:7053" ]; udp_header = "each"; },
	  { name = "first"; listen = [ "198.51.100.2:7054", "[::]:7054" ]; udp_header = "first"; },
	  { name = "spp"; listen = [ "198.51.100.2:7055", "[::]:7055" ]; udp_header = "spp"; }
	);
END

# start_udp_balancer MODE PORT: on the load balancer, for clients of both families.
start_udp_balancer()
{
	local balancer

	balancer=$(dirname "$0")/udp_balancer.py
	start_in lb "balancer-$1" python3 "$balancer" "$1" 203.0.113.1 "$2" 198.51.100.2 "$2"
	wait_for "balancer on port $2" listens_udp "203.0.113.1:$2" in_lb
	has_ipv6 || return 0
	start_in lb "balancer-$1-v6" python3 "$balancer" "$1" 2001:db8:c::1 "$2" 2001:db8:5::2 "$2"
	wait_for "IPv6 balancer on port $2" listens_udp "[2001:db8:c::1]:$2" in_lb
}

# ask FROM SERVER PORT ARGUMENT...: one question, from a client's address and port.
ask()
{
	local from=$1 server=$2 port=$3

	shift 3
	in_client dig +notcp +ignore +tries=3 "+time=$((5 * patience))" +short -b "$from" "@$server" \
		-p "$port" "$@" || fail "dig ended with status $?"
}

# check MODE PORT CLIENT-PORT
check()
{
	local i name

	start_udp_balancer "$1" "$2"
	# Several questions of one client, for what its first datagram says holds for those behind it.
	for i in 1 2 3; do
		name=$1-$i.example.test
		expect "$1, answer $i" '^192\.0\.2\.77$' "$(ask "203.0.113.7#$3" 203.0.113.1 "$2" "$name")"
		expect "$1, dnsmasq's log" "203\.0\.113\.7/$3 query\[A\] $name from 203\.0\.113\.7" \
			"$(wait_for_line "$dir/dnsmasq.log" "query\[A\] $name ")"
	done
	expect "$1, bytes of a long answer" '^20[0-9][0-9]$' \
		"$(ask "203.0.113.7#$3" 203.0.113.1 "$2" +bufsize=4096 long.test TXT | wc -c)"
	has_ipv6 || return 0
	name=$1-v6.example.test
	expect "$1, IPv6 answer" '^192\.0\.2\.77$' \
		"$(ask "2001:db8:c::7#$3" 2001:db8:c::1 "$2" "$name")"
	expect "$1, dnsmasq's log" "2001:db8:c::7/$3 query\[A\] $name from 2001:db8:c::7" \
		"$(wait_for_line "$dir/dnsmasq.log" "query\[A\] $name ")"
}

check each 7053 40001
check first 7054 40002
check spp 7055 40003
# No header, no service: what dig says by itself is dropped.
in_lb dig +notcp +tries=1 +time=1 @198.51.100.2 -p 7053 bare.example.test >/dev/null &&
	fail "a datagram without a header was answered"
expect "without a header" 'listener=each peer=198\.51\.100\.1:[0-9]+ reason=header_invalid' \
	"$(wait_for_line "$dir/mmproxy.log" 'reason=header_invalid')"
! grep -q 'bare\.example' "$dir/dnsmasq.log" || fail "a datagram without a header arrived"
stop_mmproxy
