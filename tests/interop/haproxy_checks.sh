#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# haproxy's health checks, with a header of either version and without one, find mmproxy up, and
# mmproxy calls none of them a failure.
. "$(dirname "$0")/lib.sh"
need haproxy nginx socat curl
private_network "$@"

start_web
start_mmproxy 7001 <<-EOF
	listeners = (
	  { name = "checked";
	    listen = "198.51.100.2:7001";
	    targets = { ipv4 = "127.0.0.1:8080"; };
	    allowed_subnets = [ "198.51.100.1" ];
	  }
	);
EOF
start_haproxy 8001 <<-EOF
	backend checked
	  timeout check $((5 * patience))s
	  server v1 198.51.100.2:7001 send-proxy check inter 200ms
	  server v2 198.51.100.2:7001 send-proxy-v2 check inter 200ms
	  server v2_crc32c 198.51.100.2:7001 send-proxy-v2 proxy-v2-options crc32c check inter 200ms
	backend asked
	  timeout check $((5 * patience))s
	  option httpchk GET /health
	  server v1 198.51.100.2:7001 send-proxy check inter 200ms
	  server v2 198.51.100.2:7001 send-proxy-v2 check inter 200ms
	listen web
	  bind 203.0.113.1:8001
	  server v2 198.51.100.2:7001 send-proxy-v2
EOF

# show_stat COLUMN: "PROXY/SERVER VALUE" of every checked server.
show_stat()
{
	socat -t 5 - "UNIX-CONNECT:$dir/haproxy.sock" <<<"show stat" |
		awk -F, -v want="$1" '
			NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) column = i; next }
			/^(checked|asked),v/ { print $1 "/" $2, $column }'
}

# all_up: every server is UP, by a check that has passed and not by the benefit of the doubt.
all_up()
{
	[ "$(show_stat status | grep -c ' UP$')" = 5 ] &&
		[ "$(show_stat check_status | grep -c -E ' (L4OK|L7OK)$')" = 5 ]
}

some_checks_later()
{
	[ "$(grep -c '"GET /health ' "$dir/access.log")" -ge 20 ]
}

wait_for "servers that are up" all_up
wait_for "further checks" some_checks_later
all_up || fail "a server went down: $(show_stat check_status)"
expect "no check has failed" '^0$' "$(show_stat chkfail | awk '{ sum += $2 } END { print sum }')"
expect "a client beside the checks" '^you are 203\.0\.113\.7 ' \
	"$(in_client curl -sS --max-time 20 http://203.0.113.1:8001/)"
kill "$pid"
wait "$pid" || true
stop_mmproxy
if grep -E '^(warn|error) .* reason=' "$dir/mmproxy.log"; then
	fail "mmproxy takes health checks for failures"
fi
# Those that send a LOCAL header and nothing else have a count, and no lines.
expect "the count of checks" ' health_check=[1-9]' "$(grep 'msg=totals' "$dir/mmproxy.log")"
if grep -E ' header=v2 up=0 ' "$dir/mmproxy.log"; then
	fail "health checks are in the log"
fi
