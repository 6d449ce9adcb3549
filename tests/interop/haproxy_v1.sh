#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# client -> haproxy (send-proxy) -> mmproxy -> nginx: the access log names the client.
. "$(dirname "$0")/lib.sh"
need haproxy nginx curl
private_network "$@"

start_web
start_mmproxy 7001 <<-EOF
	listeners = (
	  { name = "web";
	    listen = [ "198.51.100.2:7001", "[::]:7001" ];
	    targets = { ipv4 = "127.0.0.1:8080"; ipv6 = "[::1]:8080"; };
	    allowed_subnets = [ "198.51.100.1", "2001:db8:5::1" ];
	  }
	);
EOF
start_haproxy 8001 <<-EOF
	listen ipv4
	  bind 203.0.113.1:8001
	  server mmproxy 198.51.100.2:7001 send-proxy
	listen ipv6
	  bind [::]:8006 v6only
	  server mmproxy [2001:db8:5::2]:7001 send-proxy
	listen ipv4_in_ipv6
	  bind 203.0.113.1:8046
	  server mmproxy [2001:db8:5::2]:7001 send-proxy
EOF

answer=$(in_client curl -sS --max-time 20 --local-port 40001 http://203.0.113.1:8001/)
expect "IPv4 answer" '^you are 203\.0\.113\.7 40001$' "$answer"
expect "IPv4 access log" '^203\.0\.113\.7 40001 "GET / ' "$(wait_for_line "$dir/access.log" ' 40001 ')"
expect "IPv4 mmproxy log" \
	'^info time=[^ ]+ listener=web peer=198\.51\.100\.1:[0-9]+ client=203\.0\.113\.7:40001 backend=127\.0\.0\.1:8080 reason=done header=v1 ' \
	"$(wait_for_line "$dir/mmproxy.log" 'client=203\.0\.113\.7:40001 ')"

if has_ipv6; then
	answer=$(in_client curl -sS --max-time 20 --local-port 40002 'http://[2001:db8:c::1]:8006/')
	expect "IPv6 answer" '^you are 2001:db8:c::7 40002$' "$answer"
	expect "IPv6 access log" '^2001:db8:c::7 40002 ' "$(wait_for_line "$dir/access.log" ' 40002 ')"
	expect "IPv6 mmproxy log" \
		'^info time=[^ ]+ listener=web peer=\[2001:db8:5::1\]:[0-9]+ client=\[2001:db8:c::7\]:40002 backend=\[::1\]:8080 reason=done header=v1 ' \
		"$(wait_for_line "$dir/mmproxy.log" 'client=\[2001:db8:c::7\]:40002 ')"

	# The client's family chooses the target, whatever the balancer itself uses.
	answer=$(in_client curl -sS --max-time 20 --local-port 40003 http://203.0.113.1:8046/)
	expect "IPv4 client over IPv6" '^you are 203\.0\.113\.7 40003$' "$answer"
fi

# Someone who is not the load balancer gets nothing.
if ip addr add 198.51.100.3/24 dev to-lb && curl -sS --max-time 5 --interface 198.51.100.3 \
	http://198.51.100.2:7001/ >/dev/null 2>&1; then
	fail "a peer outside allowed_subnets got an answer"
fi
expect "stranger" 'peer=198\.51\.100\.3:[0-9]+ .*reason=peer_denied' \
	"$(wait_for_line "$dir/mmproxy.log" 'reason=peer_denied')"
stop_mmproxy
