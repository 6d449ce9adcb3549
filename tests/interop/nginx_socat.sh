#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# client -> nginx (stream, proxy_protocol on) -> mmproxy -> socat: a server that only asks the kernel
# who its peer is sees the client, and half-closed streams work through the whole chain.
. "$(dirname "$0")/lib.sh"
need socat
need_nginx_stream
private_network "$@"

# The backend reads to the end before it answers; the variables are those of its own shell.
# shellcheck disable=SC2016
backend='read -r line; rest=$(cat | wc -c); echo "$SOCAT_PEERADDR $SOCAT_PEERPORT said $line and $rest bytes"'
start backend4 socat TCP4-LISTEN:9000,bind=127.0.0.1,reuseaddr,fork SYSTEM:"$backend"
wait_for "socat" listens 9000
if has_ipv6; then
	start backend6 socat 'TCP6-LISTEN:9006,bind=[::1],reuseaddr,fork' SYSTEM:"$backend"
	wait_for "socat" listens 9006
fi
start_mmproxy 7004 <<-EOF
	listeners = (
	  { name = "plain";
	    listen = [ "198.51.100.2:7004", "[::]:7004" ];
	    targets = { ipv4 = "127.0.0.1:9000"; ipv6 = "[::1]:9006"; };
	    allowed_subnets = [ "198.51.100.1", "2001:db8:5::1" ];
	  }
	);
EOF
write_nginx balancer <<-EOF
	stream {
		proxy_protocol on;
		proxy_half_close on;
		server { listen 203.0.113.1:8004; proxy_pass 198.51.100.2:7004; }
		server { listen 203.0.113.1:8005; proxy_pass 198.51.100.2:7004; }
		server { listen [::]:8006 ipv6only=on; proxy_pass [2001:db8:5::2]:7004; }
	}
EOF
start_in lb balancer nginx -e stderr -c "$dir/balancer.conf"
wait_for "nginx on port 8004" listens 8004 in_lb

# say SOCAT-ADDRESS: a line and 300000 bytes, then the end; the answer.
say()
{
	{
		echo hello
		head -c 300000 /dev/zero
	} | in_client timeout $((20 * patience)) socat -t $((15 * patience)) - "$1"
}

expect "IPv4" '^203\.0\.113\.7 40001 said hello and 300000 bytes$' \
	"$(say TCP4:203.0.113.1:8004,bind=203.0.113.7:40001,reuseaddr)"
# The same client comes again at once, from the same port through another door of the balancer.
expect "IPv4 again" '^203\.0\.113\.7 40001 said hello and 300000 bytes$' \
	"$(say TCP4:203.0.113.1:8005,bind=203.0.113.7:40001,reuseaddr)"
if has_ipv6; then
	expect "IPv6" '^\[2001:0db8:000c:0000:0000:0000:0000:0007\] 40002 said hello and 300000 bytes$' \
		"$(say 'TCP6:[2001:db8:c::1]:8006,bind=[2001:db8:c::7]:40002')"
fi
stop_mmproxy
