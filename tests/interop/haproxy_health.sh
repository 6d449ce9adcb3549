#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# haproxy asks mmproxy's health port, by HTTP and by connecting only: a server that dies behind mmproxy
# goes DOWN, and UP again when it is back, while a check of mmproxy's own port sees no difference.
. "$(dirname "$0")/lib.sh"
need haproxy nginx socat curl
private_network "$@"

start_web
web_pid=$pid
start_mmproxy 7001 <<-EOF
	listeners = (
	  { name = "checked";
	    listen = "198.51.100.2:7001";
	    targets = { ipv4 = "127.0.0.1:8080"; };
	    allowed_subnets = [ "198.51.100.1" ];
	    health = { listen = "198.51.100.2:8081"; };
	  }
	);
EOF
start_haproxy 8001 <<-EOF
	backend by_http
	  timeout check $((5 * patience))s
	  option httpchk
	  server s 198.51.100.2:7001 send-proxy-v2 check port 8081 inter 300ms
	backend by_get
	  timeout check $((5 * patience))s
	  option httpchk
	  http-check send meth GET uri /health ver HTTP/1.1 hdr Host mmproxy
	  http-check expect status 200
	  server s 198.51.100.2:7001 send-proxy-v2 check port 8081 inter 300ms
	backend by_head
	  timeout check $((5 * patience))s
	  option httpchk HEAD /
	  server s 198.51.100.2:7001 send-proxy-v2 check port 8081 inter 300ms
	backend by_connecting
	  timeout check $((5 * patience))s
	  server s 198.51.100.2:7001 send-proxy-v2 check port 8081 inter 300ms
	backend own_port
	  timeout check $((5 * patience))s
	  server s 198.51.100.2:7001 check inter 300ms
	listen web
	  bind 203.0.113.1:8001
	  server s 198.51.100.2:7001 send-proxy-v2 check port 8081 inter 300ms
EOF
haproxy_pid=$pid

# status PROXY: what haproxy thinks of its server, and by which check; a star is one under way.
status()
{
	socat -t 5 - "UNIX-CONNECT:$dir/haproxy.sock" <<<"show stat" |
		awk -F, -v proxy="$1" '
			NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
			$1 == proxy && $2 == "s" { print $column["status"], $column["check_status"] }'
}

# all_are REGEX: the servers that are checked at the health port.
all_are()
{
	local proxy

	for proxy in by_http by_get by_head by_connecting web; do
		[[ $(status "$proxy") =~ $1 ]] || return 1
	done
}

health_port_is_open()
{
	listens 8081
}

health_port_is_closed()
{
	! listens 8081
}

answers()
{
	in_client curl -sS --max-time 20 http://203.0.113.1:8001/ | grep -q '^you are 203\.0\.113\.7 '
}

for round in 1 2; do
	wait_for "servers that are up" all_are '^UP (\* )?(L4OK|L7OK)$'
	health_port_is_open || fail "the health port is closed"
	wait_for "answer to a client" answers
	expect "up, $round" '^UP (\* )?L7OK$' "$(status by_http)"
	expect "up by connecting, $round" '^UP (\* )?L4OK$' "$(status by_connecting)"

	kill "$web_pid"
	wait "$web_pid" || true
	wait_for "servers that are down" all_are '^DOWN (\* )?L4CON$'
	health_port_is_closed || fail "the health port is open"
	expect "a dead server, $round" '^DOWN ' "$(status by_http)"
	expect "a dead server, checked at mmproxy's own port, $round" '^UP (\* )?L4OK$' "$(status own_port)"
	start_web
	web_pid=$pid
done
wait_for "servers that are up" all_are '^UP (\* )?(L4OK|L7OK)$'
kill "$haproxy_pid"
wait "$haproxy_pid" || true
expect "mmproxy's log" 'health=198\.51\.100\.2:8081 backend=127\.0\.0\.1:8080 reason=backend_refused' \
	"$(cat "$dir/mmproxy.log")"
stop_mmproxy
