#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every file of etc/examples is accepted as it is and starts without a warning, and what it says about
# the other side is right as far as programs can tell: HAProxy and nginx take their lines, the return
# routes are set, the rest is well-formed, and all speak of a port that mmproxy listens on.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# block NAME REGEX: of the example.
block()
{
	"$top/tests/lint/example_block" "$work/$1.conf" "$2"
}

# says NAME REGEX TEXT: what the other side is told has this in it.
says()
{
	grep -E -e "$2" >/dev/null <<<"$3" || complain "$1: nothing matches $2"
}

cp "$top"/etc/examples/*.conf "$work"
# What contrib/cloudflare-networks makes, with networks for documentation.
printf '%s\n' 192.0.2.0/24 2001:db8::/32 >"$work/cloudflare.subnets"
examples=()
for file in "$work"/*.conf; do
	name=${file##*/}
	examples+=("${name%.conf}")
done
[ "${examples[*]}" = "aws-nlb cloudflare-spectrum-tcp cloudflare-spectrum-udp frp haproxy nginx-stream tproxy" ] ||
	complain "the examples are ${examples[*]}"

# --- mmproxy takes each, without a word too many ---------------------------------------------------

for name in "${examples[@]}"; do
	said=$("$MMPROXY" -t -c "$work/$name.conf" 2>&1) || complain "$name: is not accepted"
	# Whether this host has its return routes is not the example's affair.
	said=$(grep -v ' warning: listener .*; to mend it: ' <<<"$said") || true
	[ "$said" = "mmproxy: $work/$name.conf is valid" ] || complain "$name: $said"
	! grep -n -i -E '<[a-z]|changeme|xxx|your[-_]|\.\.\.\.' "$work/$name.conf" ||
		complain "$name: has to be filled in"
	# Whoever may connect may claim any address.
	"$MMPROXY" --show-config -c "$work/$name.conf" >"$work/$name.shown"
	[ "$(grep -c 'protocol = ' "$work/$name.shown")" = "$(grep -c -E 'allowed_subnets(_file)? = ' "$work/$name.shown")" ] ||
		complain "$name: anybody may connect"
done

# --- Started, and with the return routes that it asks for ------------------------------------------

who=()
if [ "$(id -u)" != 0 ]; then
	who=(--user --map-root-user)
fi
# The examples are for both families.
can_unshare=no
if [ -n "$(unshare "${who[@]}" --net sh -c 'ip link set lo up && ip -6 addr show dev lo' 2>/dev/null)" ]; then
	can_unshare=yes
fi

has_tproxy()
{
	unshare "${who[@]}" --net nft 'add table inet probe
		add chain inet probe p { type filter hook prerouting priority mangle; }
		add rule inet probe p tcp dport 1 tproxy to :1' 2>/dev/null || {
		echo "skipped: there are no TPROXY rules here, so tproxy.conf is not started"
		false
	}
}

# run_example NAME ADDRESS IPV6-ADDRESS: in a network namespace of its own, with servers there.
cat >"$work/run_example" <<'END'
set -e
ip link set lo up
STATE_DIR=$1 sh -e "$1/$2.routes"
ip route get 203.0.113.7 from "$3" ipproto 6 sport 20000 | grep -q '^local ' || ! echo "no way back to $3"
ip -6 route get 2001:db8:c::7 from "$4" ipproto 6 sport 20000 | grep -q '^local ' || ! echo "no way back to $4"
: >"$1/$2.log"
"$MMPROXY" -c "$1/$2.conf" >"$1/$2.log" 2>&1 &
tries=600
until grep -q ' is ready' "$1/$2.log"; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ]
	kill -0 "$!"
	sleep 0.1
done
kill "$!"
wait "$!"
END
for name in "${examples[@]}"; do
	[ "$can_unshare" = yes ] || continue
	addresses=(127.0.0.1 ::1)
	if [ "$name" = tproxy ]; then
		addresses=(192.0.2.80 2001:db8:8::80)
		has_tproxy || continue
	fi
	# As if it were installed.
	block "$name" 'without it:$|return routes for it:$' |
		sed "s|^/usr/share/mmproxy/|$top/contrib/|" >"$work/$name.routes" || status=1
	unshare "${who[@]}" --net \
		sh "$work/run_example" "$work" "$name" "${addresses[@]}" || complain "$name: does not start"
	# Which users and servers there are is not the example's affair.
	! grep -E '^(warn|error) ' "$work/$name.log" |
		grep -v -e 'there is no user' -e 'health port closed' -e '(backend_down)' ||
		complain "$name: does not start without a warning"
done

# --- The other side ----------------------------------------------------------------------------------

for name in haproxy tproxy; do
	lines=$(block "$name" 'haproxy\.cfg') || status=1
	says "$name" '^ *server .* send-proxy-v2 ' "$lines"
	command -v haproxy >/dev/null || continue
	printf 'global\n  maxconn 100\n%s\n' "$lines" >"$work/haproxy.cfg"
	haproxy -c -f "$work/haproxy.cfg" >"$work/said" 2>&1 || complain "$name: haproxy refuses its lines"
	! grep -i -E 'warning|alert' "$work/said" || complain "$name: haproxy warns"
done
says haproxy 'server .* 198\.51\.100\.2:2222 .* check port 8081$' "$(block haproxy 'haproxy\.cfg')"
grep -q 'health = { listen = "\[::\]:8081"; };' "$work/haproxy.conf" ||
	complain "haproxy: what it checks is not the health port"

lines=$(block nginx-stream 'nginx\.conf') || status=1
says nginx-stream '^ *proxy_protocol on;' "$lines"
says nginx-stream '^ *proxy_pass 198\.51\.100\.2:25577;' "$lines"
modules=
if command -v nginx >/dev/null; then
	modules=$(nginx -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
fi
if [ "$can_unshare" = yes ] && [ -f "$modules/ngx_stream_module.so" ]; then
	printf 'load_module %s/ngx_stream_module.so;\npid %s/pid;\nevents { }\n%s\n' \
		"$modules" "$work" "$lines" >"$work/nginx.conf"
	# It opens the sockets that it is asked to.
	unshare "${who[@]}" --net nginx -t -q -e stderr -c "$work/nginx.conf" >"$work/said" 2>&1 ||
		complain "nginx-stream: nginx refuses its lines"
	# Of the user in nginx.conf, which is ours, and of the log that is compiled in.
	! grep '\[' "$work/said" || complain "nginx-stream: nginx warns"
fi

lines=$(block aws-nlb 'two attributes') || status=1
bash -n <<<"$lines" || complain "aws-nlb: no commands"
says aws-nlb 'Key=proxy_protocol_v2\.enabled,Value=true Key=preserve_client_ip\.enabled,Value=false' "$lines"
says aws-nlb ' --port 2222 ' "$lines"

# application NAME PROTOCOL PORT HEADER: the settings of a Spectrum application are JSON, and these.
application()
{
	local lines

	lines=$(block "$1" "Cloudflare's API") || status=1
	bash -n <<<"$lines" || complain "$1: no command"
	says "$1" "\"origin_direct\": \[ \"$2://198\.51\.100\.2:$3\" \]" "$lines"
	says "$1" "\"proxy_protocol\": \"$4\"" "$lines"
	command -v python3 >/dev/null || return 0
	tr '\n' ' ' <<<"$lines" | sed "s/.*--json '\(.*\)'.*/\1/" |
		python3 -c 'import json, sys; json.load(sys.stdin)' || complain "$1: the settings are no JSON"
}

application cloudflare-spectrum-tcp tcp 2222 v2
application cloudflare-spectrum-udp udp 27015 simple
for name in cloudflare-spectrum-tcp cloudflare-spectrum-udp; do
	says "$name" '^cloudflare-networks /etc/cloudflare.subnets$' "$(block "$name" 'every day')"
done

for file in frps frpc; do
	block frp "$file\.toml" >"$work/$file.toml" || status=1
	if python3 -c 'import tomllib' 2>/dev/null; then
		python3 -c 'import sys, tomllib; tomllib.load(sys.stdin.buffer)' <"$work/$file.toml" ||
			complain "frp: $file.toml is no TOML"
	fi
	if command -v "$file" >/dev/null; then
		"$file" verify -c "$work/$file.toml" || complain "frp: $file refuses its lines"
	fi
done
[ "$(grep -c '^transport.proxyProtocolVersion = "v2"$' "$work/frpc.toml")" = 2 ] ||
	complain "frp: not every proxy sends headers"
says frp '^localPort = 2222$' "$(cat "$work/frpc.toml")"
says frp '^localPort = 27015$' "$(cat "$work/frpc.toml")"

exit "$status"
