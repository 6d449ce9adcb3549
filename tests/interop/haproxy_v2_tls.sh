#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# client -> TLS -> haproxy (send-proxy-v2 with every option) -> mmproxy -> nginx: the access log names
# the client, mmproxy's log shows what the TLVs carried.
. "$(dirname "$0")/lib.sh"
need haproxy nginx curl openssl
private_network "$@"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=www.example.test \
	-addext subjectAltName=DNS:www.example.test \
	-keyout "$dir/key" -out "$dir/cert" >"$dir/openssl.log" 2>&1 || fail "no certificate"
cat "$dir/key" "$dir/cert" >"$dir/www.pem"

start_web
start_mmproxy 7002 <<-EOF
	listeners = (
	  { name = "tls";
	    listen = [ "198.51.100.2:7002", "[::]:7002" ];
	    targets = { ipv4 = "127.0.0.1:8080"; ipv6 = "[::1]:8080"; };
	    allowed_subnets = [ "198.51.100.1", "2001:db8:5::1" ];
	  }
	);
EOF
start_haproxy 8002 <<-EOF
	listen ipv4
	  bind 203.0.113.1:8002 ssl crt $dir/www.pem
	  unique-id-format visit-%cp
	  server mmproxy 198.51.100.2:7002 send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher
	listen ipv6
	  bind [::]:8006 v6only ssl crt $dir/www.pem
	  unique-id-format visit-%cp
	  server mmproxy [2001:db8:5::2]:7002 send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl
EOF

# visit PORT OF HAPROXY, ADDRESS OF HAPROXY, LOCAL PORT
visit()
{
	in_client curl -sS --max-time 20 --cacert "$dir/cert" --local-port "$3" \
		--resolve "www.example.test:$1:$2" "https://www.example.test:$1/"
}

expect "IPv4 answer" '^you are 203\.0\.113\.7 40001$' "$(visit 8002 203.0.113.1 40001)"
expect "IPv4 access log" '^203\.0\.113\.7 40001 "GET / ' "$(wait_for_line "$dir/access.log" ' 40001 ')"
line=$(wait_for_line "$dir/mmproxy.log" 'client=203\.0\.113\.7:40001 ')
expect "header" ' reason=done header=v2 ' "$line"
expect "authority" ' tlv_authority=www\.example\.test( |$)' "$line"
expect "unique id" ' tlv_unique_id=visit-40001( |$)' "$line"

if has_ipv6; then
	expect "IPv6 answer" '^you are 2001:db8:c::7 40002$' "$(visit 8006 '[2001:db8:c::1]' 40002)"
	line=$(wait_for_line "$dir/mmproxy.log" 'client=\[2001:db8:c::7\]:40002 ')
	expect "IPv6 TLVs" ' header=v2 .*tlv_authority=www\.example\.test tlv_unique_id=visit-40002' "$line"
fi
stop_mmproxy
