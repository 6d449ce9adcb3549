#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The unit as it is installed, under a systemd of its own in private namespaces: a start is over when
# mmproxy serves, a restart, an upgrade and a crash refuse nobody and break no open connection, a reload
# is heard, the watchdog ends what hangs, and a .socket unit starts it.
set -euo pipefail

unit=${top_builddir:?the directory of the build}/contrib/mmproxy.service
program=${MMPROXY:?the program}
top=${top_srcdir:-$(dirname "$0")/../..}
systemd=/lib/systemd/systemd

# --- Inside: process 1 of the namespaces, on its way to become systemd ------------------------------

if [ "${1:-}" = --boot ]; then
	work=$2
	mount --make-rprivate /
	mount -t proc proc /proc
	mount -t tmpfs -o mode=755 tmpfs /run
	umount -R -l /sys/fs/cgroup 2>/dev/null || true
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	# What systemd does to its own devices is to reach nobody else's.
	mkdir /run/dev
	mount -t tmpfs -o mode=755 tmpfs /run/dev
	for device in null zero full random urandom tty; do
		touch "/run/dev/$device"
		mount --bind "/dev/$device" "/run/dev/$device"
	done
	mount --move /run/dev /dev
	mkdir /dev/shm /dev/pts
	mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
	ln -s pts/ptmx /dev/ptmx
	touch /dev/console
	mount --bind "$work/console" /dev/console
	cp -r "$work/run/." /run/
	# The user of sysusers.d, and logs that are nobody else's.
	mount --bind "$work/users/etc/passwd" /etc/passwd
	mount --bind "$work/users/etc/group" /etc/group
	mount -t tmpfs -o mode=755 tmpfs /var/log
	chown root:mmproxy /run/mmproxy.conf
	chmod 640 /run/mmproxy.conf
	ip link set lo up
	exec env -i PATH="$PATH" container=mmproxy-test SYSTEMD_UNIT_PATH=/run/units \
		"$systemd" --system --unit=basic.target --log-target=console --show-status=no \
		</dev/null
fi

# --- Outside ------------------------------------------------------------------------------------------

skip()
{
	echo "skipped: $1"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "a systemd of its own needs root"
[ -x "$systemd" ] || skip "systemd is not installed"
[ -z "${MMPROXY_WRAPPER:-}" ] || skip "the unit starts the program itself"
command -v python3 >/dev/null || skip "python3 is missing"
[ -f "$unit" ] || skip "this build has no unit"

work=$(mktemp -d /tmp/mmproxy-systemd.XXXXXX)
cgroup=
pid1=
load=

clean_up()
{
	if [ -n "$load" ]; then
		kill "$load" 2>/dev/null || true
	fi
	# Everything in its namespace ends with process 1.
	if [ -n "$pid1" ]; then
		kill -KILL "$pid1" 2>/dev/null || true
	fi
	for _ in $(seq 100); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
		sleep 0.1
	done
	umount "$work/cgroup" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "$1"
	echo "---- systemd:"
	tail -n 40 "$work/console"
	inside ps -e -o pid,ppid,state,args || true
	control status mmproxy.service || true
	echo "---- mmproxy:"
	inside tail -n 20 /run/mmproxy.log || true
	exit 1
}

# --- A systemd ------------------------------------------------------------------------------------------

# A control group of its own below the one that this test is in.
mkdir -p "$work/cgroup" "$work/run/units/mmproxy.service.d" \
	"$work/run/units/mmproxy-routes.service.d" "$work/run/bin" "$work/load" "$work/users/etc"
cp /etc/passwd /etc/group "$work/users/etc/"
systemd-sysusers --root="$work/users" - <"$top/contrib/mmproxy.sysusers" >"$work/sysusers.log" 2>&1 ||
	skip "systemd-sysusers makes no user: $(cat "$work/sysusers.log")"
touch "$work/console"
mount -t cgroup2 cgroup2 "$work/cgroup" 2>/dev/null || skip "cgroup2 cannot be mounted"
cgroup=$work/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/mmproxy-test-$$
mkdir "$cgroup" 2>/dev/null || skip "no control group can be made"

for target in basic sysinit shutdown network-online; do
	printf '[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n' >"$work/run/units/$target.target"
done
cp "$program" "$work/run/bin/mmproxy"
sed -e 's|@sbindir@|/run/bin|' -e 's|@sysconfdir@|/run|' \
	"$top/contrib/mmproxy-routes.service.in" >"$work/run/units/mmproxy-routes.service"
# The unit as it is, but for the paths of this installation.
sed -E 's|^(Exec[A-Za-z]*=)[^ ]*/mmproxy -c [^ ]*|\1/run/bin/mmproxy -c /run/mmproxy.conf|' "$unit" \
	>"$work/run/units/mmproxy.service"
grep -q '^ExecStart=/run/bin/mmproxy -c /run/mmproxy.conf$' "$work/run/units/mmproxy.service"
# There is no journal; and a program that was built to look for leaks needs what the unit forbids.
printf '[Service]\nStandardError=append:/run/mmproxy.log\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n' \
	>"$work/run/units/mmproxy.service.d/log.conf"
cp "$work/run/units/mmproxy.service.d/log.conf" "$work/run/units/mmproxy-routes.service.d/"
cat >"$work/run/units/mmproxy.socket" <<-END
	[Socket]
	ListenStream=127.0.0.1:7000
END
cat >"$work/run/mmproxy.conf" <<-END
	workers = 2;
	drain_timeout = "10m";
	listeners = ( { name = "t"; listen = "127.0.0.1:7000"; targets = { ipv4 = "127.0.0.1:8000"; }; } );
END

(
	echo "$BASHPID" >"$cgroup/cgroup.procs"
	exec unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child "$0" --boot "$work" \
		>"$work/boot.log" 2>&1 </dev/null
) &
holder=$!
for _ in $(seq 300); do
	pid1=$(pgrep -P "$holder" || true)
	[ -z "$pid1" ] || break
	sleep 0.1
done
[ -n "$pid1" ] || skip "no namespaces: $(cat "$work/boot.log")"

inside()
{
	nsenter -t "$pid1" -p -m -n -u -i -C -- "$@"
}

control()
{
	inside timeout 120 systemctl --no-pager "$@" 2>>"$work/console"
}

# property NAME: of the service.
property()
{
	control show --value -p "$1" mmproxy.service
}

# await COMMAND...: until it succeeds.
await()
{
	for _ in $(seq 600); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	fail "never came true: $*"
}

for _ in $(seq 300); do
	if control is-active basic.target >/dev/null 2>&1; then
		break
	fi
	kill -0 "$pid1" 2>/dev/null || skip "systemd does not run here: $(cat "$work/boot.log" "$work/console")"
	sleep 0.1
done
control is-active basic.target >/dev/null || skip "systemd does not come up here: $(tail -n 5 "$work/console")"

# --- The unit -------------------------------------------------------------------------------------------

# says NAME PATTERN: whether that property is like this.
says()
{
	# A pattern is meant.
	# shellcheck disable=SC2053
	[[ $(property "$1") == $2 ]]
}

connects()
{
	inside python3 - <<-END
		import socket
		with socket.create_connection(("127.0.0.1", 7000), timeout=20) as s:
		    s.sendall(b"PROXY TCP4 203.0.113.200 198.51.100.1 40000 443\\r\\nx")
		    assert s.recv(1) == b"x"
	END
}

start_load()
{
	rm -f "$work"/load/*
	inside python3 "$top/tests/interop/restart_load.py" "$work/load" \
		>"$work/totals" 2>"$work/complaints" &
	load=$!
	await [ -e "$work/load/serving" ]
}

# end_load WHAT FAILURES: no more than so many.
end_load()
{
	local connections failed longest

	touch "$work/load/stop"
	wait "$load" || fail "the load failed: $(cat "$work/complaints")"
	load=
	read -r connections failed longest <"$work/totals"
	echo "$connections connections through $1: $failed failed, the longest wait $longest ms"
	[ "$connections" -gt 10 ] || fail "too few to tell"
	[ "$failed" -le "$2" ] || fail "connections failed: $(cat "$work/complaints")"
}

start_load
control start mmproxy.service || fail "it does not start"
# No waiting: "start" is over when mmproxy is ready.
connects || fail "it does not serve when systemd says that it runs"
says Result success || fail "Result is $(property Result)"
says StatusText '* connections, * flows, *' || fail "StatusText is $(property StatusText)"
says NFileDescriptorStore 2 || fail "systemd keeps $(property NFileDescriptorStore) sockets"
[ "$(control show --value -p Result mmproxy-routes.service)" = success ] ||
	fail "the routes' Result is $(control show --value -p Result mmproxy-routes.service)"

# status_of KEY: what /proc says of the main process.
status_of()
{
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid1/root/proc/$(property MainPID)/status"
}

[ "$(status_of Uid | cut -f 1)" = "$(inside id -u mmproxy)" ] || fail "it is not the user mmproxy"
[ "$(status_of NoNewPrivs)" = 1 ] || fail "programs may bring it privileges"
[ "$(status_of Seccomp)" = 2 ] || fail "its system calls are not filtered"
! inside cat /var/log/mmproxy/mmproxy.log 2>/dev/null || fail "it logs to a file before it is told to"

# --- Restart and reload: no connection is refused, and none that is open is broken -------------------

touch "$work/load/go"
for i in 1 2 3 4 5; do
	before=$(property MainPID)
	touch "$work/load/idle"
	await [ ! -e "$work/load/idle" ]
	began=$(date +%s%N)
	control restart mmproxy.service || fail "restart $i failed"
	echo "restart $i took $((($(date +%s%N) - began) / 1000000)) ms"
	[ "$(property MainPID)" != "$before" ] || fail "restart $i was none"
	sleep 0.5
done
control reload mmproxy.service || fail "it does not reload"
await grep -q reloaded "/proc/$pid1/root/run/mmproxy.log"
end_load "5 restarts and a reload" 0
says NRestarts 0 || fail "systemd has started it $(property NRestarts) times by itself"
says NFileDescriptorStore 2 || fail "after restarts, systemd keeps $(property NFileDescriptorStore) sockets"

# --- Upgrade: systemd follows the successor, and nobody notices anything ------------------------------

# is_other PID: whether the main process is another one.
is_other()
{
	local now

	now=$(property MainPID)
	[ "$now" != "$1" ] && [ "$now" != 0 ]
}

start_load
touch "$work/load/go"
for i in 1 2 3; do
	before=$(property MainPID)
	touch "$work/load/idle"
	await [ ! -e "$work/load/idle" ]
	control kill --signal=SIGUSR2 --kill-whom=main mmproxy.service || fail "no signal for upgrade $i"
	await is_other "$before"
	await says SubState running
	# The former one has a connection to serve.
	inside kill -0 "$before" || fail "after upgrade $i the former process has gone"
done
control reload mmproxy.service || fail "what was upgraded does not reload"
control restart mmproxy.service || fail "what was upgraded does not restart"
end_load "3 upgrades, a reload and a restart" 0
says NRestarts 0 || fail "systemd has started it $(property NRestarts) times by itself"
says NFileDescriptorStore 2 || fail "after upgrades, systemd keeps $(property NFileDescriptorStore) sockets"

# --- Routes by the daemon, a log file, and its own sandbox, within what the unit allows ----------------

# configure TEXT: the same configuration behind this text.
configure()
{
	{ printf '%s\n' "$1" && cat "$work/run/mmproxy.conf"; } >"$work/changed.conf"
	cat "$work/changed.conf" >"/proc/$pid1/root/run/mmproxy.conf"
}

# rules: how many of the daemon's own are there.
rules()
{
	inside ip rule show | grep -c 'sport 8000 lookup 123 proto 223' || true
}

has_rule()
{
	[ "$(rules)" -gt 0 ]
}

has_no_rule()
{
	[ "$(rules)" = 0 ]
}

start_load
filters=$(status_of Seccomp_filters)
has_rule || fail "mmproxy-routes.service has set up no routes"
control stop mmproxy-routes.service || fail "the routes are not taken away"
has_no_rule || fail "mmproxy-routes.service leaves routes behind"
configure 'routing = { manage = true; }; log = { target = "/var/log/mmproxy/mmproxy.log"; };'
control reload mmproxy.service || fail "it does not reload with managed routes"
await has_rule
connects || fail "it does not serve with managed routes"
before=$(property MainPID)
control kill --signal=SIGUSR2 --kill-whom=main mmproxy.service
await is_other "$before"
await says SubState running
inside ip rule del sport 8000 ipproto 6 from 127.0.0.1 iif lo lookup 123
await has_rule
await inside grep -q 'client=203.0.113.200:40000' /var/log/mmproxy/mmproxy.log
inside mv /var/log/mmproxy/mmproxy.log /var/log/mmproxy/old.log
control kill --signal=SIGUSR1 --kill-whom=main mmproxy.service
await inside test -e /var/log/mmproxy/mmproxy.log
[ "$(status_of Seccomp_filters)" = "$filters" ] ||
	fail "of $filters filters there are $(status_of Seccomp_filters) after upgrades"
configure 'sandbox = false;'
control restart mmproxy.service || fail "it does not restart without a sandbox of its own"
if "$program" -V | grep -q '^libseccomp: yes$'; then
	[ "$(status_of Seccomp_filters)" = "$((filters - 1))" ] ||
		fail "without a sandbox of its own it has $(status_of Seccomp_filters) filters of $filters"
fi
configure ''
control restart mmproxy-routes.service mmproxy.service || fail "it does not restart as before"
touch "$work/load/go"
sleep 0.5
end_load "routes of their own again" 0

# --- Flows in the kernel take the drop-in, without which they stay in user space -----------------------

# complaints: how often the log has said that the kernel carries nothing.
complaints()
{
	grep -c 'the kernel carries nothing' "/proc/$pid1/root/run/mmproxy.log" || true
}

# may_load: whether the main process has CAP_BPF, which is number 39.
may_load()
{
	[ "$((0x$(status_of CapEff) >> 39 & 1))" = 1 ]
}

if ! "$program" -V | grep -q '^libbpf: yes$'; then
	echo "skipped: mmproxy is built without libbpf, so flows in the kernel are not tested"
else
	start_load
	sed 's|^listeners = (|& { name = "u"; protocol = "udp"; udp_relay = "kernel"; listen = "127.0.0.1:7001"; targets = { ipv4 = "127.0.0.1:8001"; }; },|' \
		"$work/run/mmproxy.conf" >"/proc/$pid1/root/run/mmproxy.conf"
	control restart mmproxy.service || fail "it does not start without CAP_BPF"
	connects || fail "it does not serve without CAP_BPF"
	! may_load || fail "the unit grants CAP_BPF"
	[ "$(complaints)" = 1 ] || fail "without CAP_BPF it complains $(complaints) times"
	inside cp "$top/contrib/udp-kernel.conf" /run/units/mmproxy.service.d/
	control daemon-reload
	control restart mmproxy.service || fail "it does not start with CAP_BPF"
	connects || fail "it does not serve with CAP_BPF"
	may_load || fail "the drop-in does not grant CAP_BPF"
	# Linux 5.10 takes 35 MiB of it for each of the processes of an upgrade.
	[ "$(property LimitMEMLOCK)" -ge $((2 * 35 << 20)) ] ||
		fail "the drop-in lets it lock $(property LimitMEMLOCK) bytes of memory"
	if inside /run/bin/mmproxy -c /run/mmproxy.conf --check-routing | grep -q '(kernel_programs)'; then
		echo "skipped: this kernel takes no programs, so none are loaded from the unit"
	else
		[ "$(complaints)" = 1 ] || fail "the drop-in does not let it load programs"
		before=$(property MainPID)
		control kill --signal=SIGUSR2 --kill-whom=main mmproxy.service
		await is_other "$before"
		await says SubState running
		[ "$(complaints)" = 1 ] || fail "what was upgraded cannot load programs"
	fi
	inside rm /run/units/mmproxy.service.d/udp-kernel.conf
	control daemon-reload
	configure ''
	control restart mmproxy.service || fail "it does not restart without flows in the kernel"
	touch "$work/load/go"
	sleep 0.5
	end_load "starts that load programs" 0
fi

# --- A crash: those in hand are lost, one of each client at most --------------------------------------

start_load
touch "$work/load/go"
sleep 0.5
inside kill -KILL "$(property MainPID)"
await says NRestarts 1
await says SubState running
sleep 0.5
end_load "a crash" 3

# --- The watchdog -----------------------------------------------------------------------------------------

printf '[Service]\nWatchdogSec=6\n' >"$work/watchdog.conf"
inside cp "$work/watchdog.conf" /run/units/mmproxy.service.d/
control daemon-reload
control restart mmproxy.service || fail "it does not restart with another WatchdogSec"
before=$(property NRestarts)
# It lives for as long as it answers.
sleep 9
says NRestarts "$before" || fail "the watchdog has ended a daemon in good health"
inside kill -STOP "$(property MainPID)"
await says NRestarts "$((before + 1))"
await says SubState running
start_load
connects || fail "it does not serve after the watchdog has ended the former one"

# --- Other addresses than those that systemd has sockets of, each in the way of a former one ------------

write_config()
{
	sed "s|listen = [^;]*;|listen = $1;|" "$work/run/mmproxy.conf" >"/proc/$pid1/root/run/mmproxy.conf"
	control restart mmproxy.service || fail "it does not restart with listen = $1"
	connects || fail "it does not serve with listen = $1"
}

for listen in '"0.0.0.0:7000"' '"[::]:7000"' '[ "0.0.0.0:7000", "[::]:7000" ]' '"[::]:7000"' '"127.0.0.1:7000"'; do
	write_config "$listen"
done
says NFileDescriptorStore 2 || fail "of former addresses, systemd keeps $(property NFileDescriptorStore) sockets"

# --- Stop, and start again --------------------------------------------------------------------------------

touch "$work/load/idle"
await [ ! -e "$work/load/idle" ]
control stop mmproxy.service || fail "it does not stop"
says Result success || fail "after a stop, Result is $(property Result)"
! connects 2>/dev/null || fail "somebody listens after a stop"
control start mmproxy.service || fail "it does not start beside a former one that drains"
touch "$work/load/go"
sleep 0.5
end_load "a start after a stop that left a connection open" 0

# What is left of a service that was stopped ends by a signal to the unit.
start_load
touch "$work/load/idle"
await [ ! -e "$work/load/idle" ]
control stop mmproxy.service
inside pgrep -x mmproxy >/dev/null || fail "a stop ends open connections at once"
control kill mmproxy.service || fail "what drains cannot be ended"
gone()
{
	! inside pgrep -a -x mmproxy
}
await gone
touch "$work/load/stop"
wait "$load" || true
load=

# --- A .socket unit ---------------------------------------------------------------------------------------

control start mmproxy.socket || fail "the .socket unit does not start"
says ActiveState inactive || fail "it runs before anybody has connected"
start_load
connects || fail "a connection does not start it"
says ActiveState active || fail "it is $(property ActiveState) after a connection"
touch "$work/load/go"
sleep 0.3
control restart mmproxy.service || fail "it does not restart with a .socket unit"
sleep 0.3
end_load "a restart with a .socket unit" 0

# --- A recipe for return routes at every start ------------------------------------------------------------

# has_rule: whether the rule of contrib/routing/loopback is there.
has_rule()
{
	[[ $(inside ip rule) == *"from 127.0.0.0/8 iif lo lookup 124"* ]]
}

mkdir "$work/routing"
cp "$top"/contrib/routing/* "$work/routing/"
inside cp -r "$work/routing" /run/mmproxy-routing
# As it is, but for where the scripts are.
sed 's|/etc/mmproxy-routing/|/run/mmproxy-routing/|' "$work/routing/mmproxy-routing@.service" >"$work/routing/unit"
inside cp "$work/routing/unit" /run/units/mmproxy-routing@.service
control daemon-reload
control start mmproxy-routing@loopback || fail "the recipe does not start"
has_rule || fail "the unit has not run the recipe"
inside ip rule del table 124
control reload mmproxy-routing@loopback || fail "the recipe cannot be run again"
has_rule || fail "a reload does not bring back what was removed"
control stop mmproxy-routing@loopback || fail "the recipe does not stop"
! has_rule || fail "the unit has left the recipe's rule behind"
