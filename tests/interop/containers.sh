#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The containers of contrib/docker and contrib/kubernetes, as their files say, in namespaces: a server in
# a network namespace of its own, mmproxy in the same one with the image's root directory, user and
# capabilities, and a load balancer outside. The server's log has the client's address.
. "$(dirname "$0")/lib.sh"
need python3 capsh setpriv ldd curl
python3 -c 'import yaml' 2>/dev/null || skip "python3 has no yaml (Debian: python3-yaml)"
top=$(cd "$(dirname "$0")/../.." && pwd)
for library in libcap-ng libnl; do
	"$MMPROXY" -V | grep -q -x "$library: yes" || skip "mmproxy is built without $library"
done
# Whoever looks for leaks needs more than a container has.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
private_network "$@"
grep -q -E ' 4294967295$' /proc/self/uid_map || skip "only root has a user to become"

# What lay_out() reads, and where the container is.
capabilities=() arguments=() probe=() server=()
read_only='' no_new_privileges='' gateway='' network='' address=''
root='' pod=''

# --- What Docker and Kubernetes do -------------------------------------------------------------------

# lay_out FILE: read it, and make the image's root directory with its configuration, as $root.
lay_out()
{
	local settings

	root=$dir/root.${1##*/}
	mkdir "$root" "$root.conf"
	"$top/contrib/docker/make-root" "$MMPROXY" "$root"
	settings=$(python3 "$(dirname "$0")/manifest.py" "$top/$1" "$root.conf")
	eval "$settings"
	cp "$root.conf/mmproxy.conf" "$root/etc/mmproxy/mmproxy.conf"
	[ "$read_only $no_new_privileges" = "yes yes" ] || fail "$1: more is allowed than has to be"
}

# new_pod ADDRESS NETWORK GATEWAY: a network namespace whose only way out is by the load balancer.
new_pod()
{
	local length=${2#*/}

	new_host pod
	in_lb ip link add "pod$pod" type veth peer name eth0 netns "$pod"
	in_lb ip addr add "$3/$length" dev "pod$pod"
	in_lb ip link set "pod$pod" up
	in_pod ip link set lo up
	in_pod ip addr add "$1/$length" dev eth0
	in_pod ip link set eth0 up
	in_pod ip route add default via "$3"
}

in_pod()
{
	nsenter --net --target "$pod" -- "$@"
}

# contained PROGRAM ARGUMENT...: the command that runs it in the container, as root with the container's
# capabilities. The inner shell's variables are its own.
contained()
{
	local program=$1 granted

	shift
	printf -v granted ',+%s' "${capabilities[@],,}"
	# shellcheck disable=SC2016,SC2054
	command=(nsenter --net --target "$pod" -- unshare --mount --propagation private -- sh -e -c '
		root=$1
		shift
		mount --bind "$root" "$root"
		mount --rbind /proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -o remount,bind,ro "$root"
		exec "$@"' sh "$root"
		setpriv --inh-caps=-all --ambient-caps=-all --clear-groups
		--bounding-set="-all,+sys_chroot,+setpcap$granted"
		capsh --chroot="$root" --drop=cap_sys_chroot,cap_setpcap --no-new-privs --shell="$program" -- "$@")
}

# run_mmproxy NAME: it is ready when it says so.
run_mmproxy()
{
	contained /usr/sbin/mmproxy "${arguments[@]}"
	start "$1" "${command[@]}"
	mmproxy_pid=$pid
	wait_for_line "$dir/$1.log" ' is ready' >/dev/null
}

# run_server NAME PORT COMMAND...: in the pod, where only the container's own command differs.
run_server()
{
	local name=$1 port=$2

	shift 2
	mkdir "$dir/$name.files"
	start_in pod "$name" env -C "$dir/$name.files" "$@"
	wait_for "server on port $port" listens "$port" in_pod
}

# --- What has to be so -------------------------------------------------------------------------------

field()
{
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$mmproxy_pid/status"
}

# is_confined NAME: user 65532 with NET_ADMIN and NET_RAW (bits 12 and 13), and nothing to write to.
is_confined()
{
	expect "$1: user" '^65532	65532	65532	65532$' "$(field Uid)"
	expect "$1: group" '^65532	65532	65532	65532$' "$(field Gid)"
	expect "$1: capabilities" '^0000000000003000$' "$(field CapEff)"
	expect "$1: no others to be had" '^0000000000003000$' "$(field CapPrm)"
	expect "$1: no new privileges" '^1$' "$(field NoNewPrivs)"
	expect "$1: root directory" ' / / ro[, ]' \
		"$(awk '$5 == "/" { print " / " $5, $6 " " }' "/proc/$mmproxy_pid/mountinfo")"
	contained "${probe[@]}"
	expect "$1: probe" 'listener|LISTENER' "$("${command[@]}")"
	[ -n "$(in_pod ip rule show table 123)" ] || fail "$1: no return routes in the pod"
	contained /usr/sbin/mmproxy "${arguments[@]}" --check-routing
	"${command[@]}" >"$dir/$1.doctor.log" 2>&1 || fail "$1: --check-routing finds something"
}

# ends NAME: it stops cleanly, and leaves no route.
ends()
{
	local status=0

	kill "$mmproxy_pid"
	wait "$mmproxy_pid" || status=$?
	[ "$status" = 0 ] || fail "$1: mmproxy ended with status $status"
	[ -z "$(in_pod ip rule show table 123)" ] || fail "$1: return routes are left"
	! grep -E '^(warn|error) ' "$dir/$1.log" || fail "$1: it warned"
}

# send_header ADDRESS PORT REQUEST: as a load balancer would for 203.0.113.9, with the answer.
send_header()
{
	# The variables are those of the shell on the load balancer.
	# shellcheck disable=SC2016
	in_lb timeout $((20 * patience)) bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		printf "PROXY TCP4 203.0.113.9 192.0.2.1 40009 80\r\n$3" >&3
		cat <&3' bash "$@"
}

# --- compose.yaml ------------------------------------------------------------------------------------

lay_out contrib/docker/compose.yaml
new_pod "$address" "$network" "$gateway"
run_server compose_server 8000 "${server[@]}"
run_mmproxy compose
send_header "$address" 7000 'GET /sent HTTP/1.0\r\n\r\n' >/dev/null
expect "compose: the server's log" '^203\.0\.113\.9 - - .*"GET /sent HTTP' \
	"$(wait_for_line "$dir/compose_server.log" 'GET /sent ')"
if command -v haproxy >/dev/null; then
	start_in lb haproxy haproxy -db -f "$top/contrib/docker/haproxy.cfg"
	wait_for "haproxy on port 8080" listens 8080 in_lb
	# The client's own port tells this connection from the others.
	in_client curl -sS --max-time $((20 * patience)) -o "$dir/page" http://203.0.113.1:8080/balanced
	expect "compose, by HAProxy: the server's log" '^203\.0\.113\.7 - - .*"GET /balanced HTTP' \
		"$(wait_for_line "$dir/compose_server.log" 'GET /balanced ')"
else
	echo "skipped: haproxy is not installed, so contrib/docker/haproxy.cfg is not used"
fi
is_confined compose
ends compose

# --- The sidecar, and the DaemonSet -------------------------------------------------------------------

lay_out contrib/kubernetes/sidecar.yaml
new_pod 10.244.1.5 10.244.1.0/24 10.244.1.1
run_server sidecar_server 8000 "${server[@]}"
run_mmproxy sidecar
send_header 10.244.1.5 7000 'GET /sent HTTP/1.0\r\n\r\n' >/dev/null
expect "sidecar: the server's log" '^203\.0\.113\.9 - - .*"GET /sent HTTP' \
	"$(wait_for_line "$dir/sidecar_server.log" 'GET /sent ')"
expect "sidecar: readiness" ' 200 ' "$(in_lb curl -sS --max-time $((20 * patience)) -i http://10.244.1.5:8081/)"
is_confined sidecar
ends sidecar

lay_out contrib/kubernetes/daemonset.yaml
new_pod 10.0.7.2 10.0.7.0/24 10.0.7.1
run_server node_server 22 python3 "$(cd "$(dirname "$0")" && pwd)/who.py" tcp 127.0.0.1 22
run_mmproxy daemonset
expect "daemonset: the server" '^203\.0\.113\.9 40009$' "$(send_header 10.0.7.2 2222 '')"
is_confined daemonset
ends daemonset
