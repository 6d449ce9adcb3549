#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A server whose datagrams the kernel cuts (UDP_SEGMENT) -> mmproxy -> a UDP load balancer -> client,
# over real devices with an MTU of 1500: each datagram arrives as it was sent.
. "$(dirname "$0")/lib.sh"
need python3
private_network "$@"
here=$(dirname "$0")

start server python3 "$here/udp_bulk.py" serve 127.0.0.1 5300
wait_for "server" listens_udp 5300
start_mmproxy 7060 listens_udp <<-END
	defaults = {
	  protocol = "udp";
	  close_after = "1s";
	  targets = { ipv4 = "127.0.0.1:5300"; };
	};
	listeners = (
	  { name = "each"; listen = "198.51.100.2:7060"; },
	  { name = "spp"; listen = "198.51.100.2:7061"; udp_header = "spp"; }
	);
END

# fetch MODE PORT CLIENT-PORT COUNT SIZE
fetch()
{
	expect "$1, datagrams of $5 bytes" "^$4 datagrams of $5 bytes came" \
		"$(in_client timeout $((60 * patience)) python3 "$here/udp_bulk.py" fetch \
			203.0.113.7 "$3" 203.0.113.1 "$2" "$4" "$5")"
	expect "$1, whom the server saw" "^203\.0\.113\.7 $3\$" \
		"$(wait_for_line "$dir/server.log" "^203\.0\.113\.7 $3\$")"
}

for mode in each:7060 spp:7061; do
	port=${mode#*:}
	mode=${mode%:*}
	start_in lb "balancer-$mode" python3 "$here/udp_balancer.py" "$mode" 203.0.113.1 "$port" \
		198.51.100.2 "$port"
	wait_for "balancer on port $port" listens_udp "$port" in_lb
	fetch "$mode" "$port" 40001 20000 1200
	# With the header of SPP these are longer than the MTU, so they come in fragments.
	fetch "$mode" "$port" 40002 2000 1472
	fetch "$mode" "$port" 40003 2000 64
done
stop_mmproxy
