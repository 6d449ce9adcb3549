#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The nftables rules of mmproxy(8) bring answers back from backends that are not on loopback: one on
# another host, as in a container, and one on another address of the server.
. "$(dirname "$0")/lib.sh"
need nft socat mandoc
private_network "$@"

# The manual page's own words: one command, whose argument is the rules.
top=$(dirname "$0")/../..
rules=$("$top/tests/lint/man_block" mandoc "$top/man/mmproxy.8" "Backends that are not on loopback" |
	sed -n "/nft '/,/^ *'/p")
[ -n "$rules" ] || fail "the rules are not in the manual page"
sh -e -c "$rules" 2>"$dir/nft.log" || skip "this kernel does not take nftables rules: $(cat "$dir/nft.log")"

backend=
new_host backend
in_backend()
{
	nsenter --net --target "$backend" -- "$@"
}
ip link add to-backend type veth peer name to-server netns "$backend"
ip addr add 192.0.2.1/24 dev to-backend
ip link set to-backend up
in_backend ip addr add 192.0.2.2/24 dev to-server
in_backend ip link set to-server up
in_backend ip route add default via 192.0.2.1
# The manual page's rule for answers instead of the one for loopback.
ip rule del from 127.0.0.0/8 iif lo table 123
ip rule add fwmark 124 table 123

# The variables are those of the shell that socat runs.
# shellcheck disable=SC2016
answer='echo "$SOCAT_PEERADDR $SOCAT_PEERPORT at $SOCAT_SOCKADDR"'
start_in backend elsewhere socat TCP4-LISTEN:9000,reuseaddr,fork SYSTEM:"$answer"
start here socat TCP4-LISTEN:9000,bind=198.51.100.2,reuseaddr,fork SYSTEM:"$answer"
wait_for "socat elsewhere" listens 9000 in_backend
wait_for "socat here" listens 9000
start_mmproxy 7005 <<-EOF
	defaults = { mark = 123; };
	listeners = (
	  { name = "elsewhere"; listen = "127.0.0.1:7005"; targets = { ipv4 = "192.0.2.2:9000"; }; },
	  { name = "here"; listen = "127.0.0.1:7006"; targets = { ipv4 = "198.51.100.2:9000"; }; }
	);
EOF

# connect PORT CLIENT-PORT
connect()
{
	printf 'PROXY TCP4 203.0.113.7 198.51.100.2 %s 25\r\n' "$2" |
		timeout $((20 * patience)) socat -t $((10 * patience)) - "TCP4:127.0.0.1:$1"
}

expect "backend on another host" '^203\.0\.113\.7 40001 at 192\.0\.2\.2$' "$(connect 7005 40001)"
expect "backend on the server's own address" '^203\.0\.113\.7 40002 at 198\.51\.100\.2$' \
	"$(connect 7006 40002)"
# The rules touch nobody else: the server reaches its neighbour, and its neighbour the backend.
start_in lb neighbour socat -u TCP4-LISTEN:9100,reuseaddr,fork OPEN:/dev/null
wait_for "neighbour" listens 9100 in_lb
socat -u OPEN:/dev/null TCP4:198.51.100.1:9100,connect-timeout=5 ||
	fail "the rules catch the server's own connections"
expect "direct connection" '^198\.51\.100\.1 [0-9]+ at 198\.51\.100\.2$' \
	"$(in_lb socat -t 5 - TCP4:198.51.100.2:9000,connect-timeout=5)"
stop_mmproxy
