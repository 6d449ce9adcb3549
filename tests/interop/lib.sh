# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the interoperability tests share: three hosts made of network namespaces, and what runs there.
#
#   client                    lb                              server
#   203.0.113.7    <-->   203.0.113.1, 198.51.100.1   <-->   198.51.100.2, 127.0.0.1
#   2001:db8:c::7         2001:db8:c::1, 2001:db8:5::1       2001:db8:5::2, ::1
#
# The test itself runs on the server, where mmproxy and its backend live. The server's default route
# leads back to the client, so a reply that misses the return routes goes astray as it would in the
# wild. Everything ends with the test: it is the first process of its own PID namespace where that
# can be had, and stops what it started in any case.
#
# MMPROXY: the daemon (./src/mmproxy). MMPROXY_WRAPPER: what to run it under, such as valgrind.
# CK_TIMEOUT_MULTIPLIER: how much more patience to have, as for the Check programs.

set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
MMPROXY=${MMPROXY:-./src/mmproxy}
patience=${CK_TIMEOUT_MULTIPLIER:-1}

skip()
{
	echo "skipped: $*"
	exit 77
}

# End the test, also from within $( ); leave() shows the logs.
fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

need()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

# need_nginx_stream: nginx, and load_stream as the line that its configuration begins with.
need_nginx_stream()
{
	local build modules

	need nginx
	build=$(nginx -V 2>&1)
	case $build in
	*--with-stream=dynamic*)
		modules=$(sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p' <<<"$build")
		[ -f "$modules/ngx_stream_module.so" ] || skip "nginx's stream module is not installed"
		load_stream="load_module $modules/ngx_stream_module.so;"
		;;
	*--with-stream*)
		# Read by the tests that write nginx's configuration.
		# shellcheck disable=SC2034
		load_stream=
		;;
	*) skip "nginx is built without the stream module" ;;
	esac
}

# The hosts besides the server, as process ids; new_host sets them.
client=
lb=

# private_network "$@": run the calling script again in namespaces of its own, then build the hosts.
private_network()
{
	if [ -z "${INTEROP_INSIDE:-}" ]; then
		enter_namespaces "$@"
	fi
	trap leave EXIT
	trap 'exit 1' INT TERM
	dir=$(mktemp -d "${TMPDIR:-/tmp}/mmproxy-interop.XXXXXX")
	# Whatever identity a peer changes to must reach its files.
	chmod 755 "$dir"
	exec </dev/null
	build_hosts
}

enter_namespaces()
{
	local flags=(--net --mount) processes=(--pid --fork --kill-child --mount-proc)

	need unshare nsenter ip
	[ -x "$MMPROXY" ] || skip "there is no $MMPROXY"
	if [ "$(id -u)" != 0 ]; then
		flags+=(--map-root-user)
	fi
	unshare "${flags[@]}" true 2>/dev/null || skip "namespaces cannot be made here"
	if unshare "${flags[@]}" "${processes[@]}" true 2>/dev/null; then
		flags+=("${processes[@]}")
	fi
	INTEROP_INSIDE=1 exec unshare "${flags[@]}" "$BASH" "$0" "$@"
}

started=()

leave()
{
	local status=$? pid log

	if [ "$status" != 0 ] && [ "$status" != 77 ]; then
		for log in "$dir"/*.log; do
			[ -s "$log" ] || continue
			echo "--- ${log##*/}"
			tail -n 30 "$log"
		done
	fi
	for pid in "${started[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	rm -rf "$dir"
}

# wait_for WHAT COMMAND...: until the command succeeds, for 10 seconds times the patience.
wait_for()
{
	local what=$1 tries=$((200 * patience))

	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "no $what"
		sleep 0.05
	done
}

# wait_for_line FILE REGEX: until a line of a log matches; it is printed.
wait_for_line()
{
	wait_for "line in ${1##*/} that matches: $2" grep -E -q -e "$2" "$1"
	grep -E -m 1 -e "$2" "$1"
}

host_is_apart()
{
	local net

	net=$(readlink "/proc/$1/ns/net") && [ "$net" != "$(readlink /proc/self/ns/net)" ]
}

# new_host VARIABLE: a network namespace that lives as long as the test; its process id.
new_host()
{
	unshare --net sleep 1000 &
	started+=($!)
	printf -v "$1" %s $!
	wait_for "namespace of $1" host_is_apart $!
}

in_client()
{
	nsenter --net --target "$client" -- "$@"
}

in_lb()
{
	nsenter --net --target "$lb" -- "$@"
}

build_hosts()
{
	# A /run of the test's own: sshd needs a folder there.
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir /run/sshd

	new_host client
	new_host lb
	ip link set lo up
	in_client ip link set lo up
	in_lb ip link set lo up

	ip link add to-lb type veth peer name to-server netns "$lb"
	in_lb ip link add to-client type veth peer name to-lb netns "$client"
	ip addr add 198.51.100.2/24 dev to-lb
	ip link set to-lb up
	in_lb ip addr add 198.51.100.1/24 dev to-server
	in_lb ip addr add 203.0.113.1/24 dev to-client
	in_lb ip link set to-server up
	in_lb ip link set to-client up
	in_client ip addr add 203.0.113.7/24 dev to-lb
	in_client ip link set to-lb up
	ip route add default via 198.51.100.1
	ip route add local 0.0.0.0/0 dev lo table 123
	ip rule add from 127.0.0.0/8 iif lo table 123

	has_ipv6 || return 0
	ip addr add 2001:db8:5::2/64 dev to-lb nodad
	in_lb ip addr add 2001:db8:5::1/64 dev to-server nodad
	in_lb ip addr add 2001:db8:c::1/64 dev to-client nodad
	in_client ip addr add 2001:db8:c::7/64 dev to-lb nodad
	ip route add default via 2001:db8:5::1
	ip -6 route add local ::/0 dev lo table 123
	ip -6 rule add from ::1/128 iif lo table 123
}

has_ipv6()
{
	[ -n "$(ip -6 addr show dev lo)" ]
}

# listens PORT [in_lb|in_client]: whether a TCP socket listens there.
listens()
{
	[ -n "$(${2:-} ss --tcp --listening --numeric --no-header "sport = :$1")" ]
}

# listens_udp [ADDRESS:]PORT [in_lb|in_client]: whether a UDP socket is bound to that.
listens_udp()
{
	local wanted="sport = :$1"

	case $1 in
	*:*) wanted="src $1" ;;
	esac
	[ -n "$(${2:-} ss --udp --listening --numeric --no-header "$wanted")" ]
}

# start NAME PROGRAM...: run it in the background on the server, its output in NAME.log; sets pid.
start()
{
	local name=$1

	shift
	"$@" >>"$dir/$name.log" 2>&1 &
	pid=$!
	started+=("$pid")
}

# start_in HOST NAME PROGRAM...: the same on another host, the name of a variable of new_host.
start_in()
{
	local host=$1 name=$2

	shift 2
	start "$name" nsenter --net --target "${!host}" -- "$@"
}

# start_mmproxy PORT [listens_udp]: with the configuration on standard input, and what the log needs
# put before it. It is up when it listens there, with TCP or UDP.
start_mmproxy()
{
	{
		echo 'log = { level = "info"; connections = true; };'
		echo 'drain_timeout = "60s";'
		cat
	} >"$dir/mmproxy.conf"
	# The wrapper is a command with arguments.
	# shellcheck disable=SC2086
	start mmproxy ${MMPROXY_WRAPPER:-} "$MMPROXY" -c "$dir/mmproxy.conf"
	mmproxy_pid=$pid
	wait_for "mmproxy on port $1" "${2:-listens}" "$1"
}

# mmproxy stops cleanly: no connection is left, and whatever watches it (a sanitizer) is content.
stop_mmproxy()
{
	local status=0

	kill "$mmproxy_pid"
	wait "$mmproxy_pid" || status=$?
	[ "$status" = 0 ] || fail "mmproxy ended with status $status"
	! grep -q ' reason=shutdown ' "$dir/mmproxy.log" || fail "a connection was left"
}

# start_haproxy PORT: on the load balancer, with the proxies on standard input.
start_haproxy()
{
	{
		cat <<-EOF
			global
			  maxconn 100
			  stats socket $dir/haproxy.sock
			defaults
			  mode tcp
			  timeout connect 5s
			  timeout client 30s
			  timeout server 30s
		EOF
		cat
	} >"$dir/haproxy.cfg"
	start_in lb haproxy haproxy -db -f "$dir/haproxy.cfg"
	wait_for "haproxy on port $1" listens "$1" in_lb
}

# start_web: nginx as the backend, on port 8080; access.log shows whom it saw.
start_web()
{
	local listen='listen 127.0.0.1:8080;'

	if has_ipv6; then
		listen+=' listen [::1]:8080;'
	fi
	write_nginx web <<-EOF
		http {
			log_format peers '\$remote_addr \$remote_port "\$request"';
			access_log $dir/access.log peers;
			client_body_temp_path $dir/web.tmp;
			proxy_temp_path $dir/web.tmp;
			fastcgi_temp_path $dir/web.tmp;
			uwsgi_temp_path $dir/web.tmp;
			scgi_temp_path $dir/web.tmp;
			server {
				$listen
				location / { return 200 "you are \$remote_addr \$remote_port\n"; }
			}
		}
	EOF
	start web nginx -e stderr -c "$dir/web.conf"
	wait_for "nginx on port 8080" listens 8080
}

# write_nginx NAME: NAME.conf from the blocks on standard input.
write_nginx()
{
	{
		cat <<-EOF
			${load_stream:-}
			user root;
			daemon off;
			worker_processes 1;
			pid $dir/$1.pid;
			error_log stderr info;
			events { worker_connections 100; }
		EOF
		cat
	} >"$dir/$1.conf"
}

# expect WHAT REGEX TEXT
expect()
{
	grep -E -q -e "$2" <<<"$3" || fail "$1: expected $2, got: $3"
	echo "ok: $1: $(grep -E -m 1 -e "$2" <<<"$3")"
}
