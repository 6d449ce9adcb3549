# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of packages share: trees of a Debian release, and machines, which are a systemd of
# such a tree in namespaces of its own, without a network. Everything ends with the test.
#
# Set by the test: work, a directory of its own; and fail(), which ends it and says why.
work=

skip()
{
	echo "skipped: $*"
	exit 77
}

# The archive that this host installs from, of its own release.
mirror()
{
	local codename

	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get indextargets --format "\$(REPO_URI) \$(CODENAME)" 'Created-By: Packages' 2>/dev/null |
		awk -v codename="$codename" '$2 == codename { print $1; exit }'
}

# in_tree TREE COMMAND...: run it there, with the host's network and nothing else of the host's.
in_tree()
{
	local tree=$1

	shift
	# The words are for the inner shell.
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child "$BASH" -c '
		set -e
		tree=$1
		shift
		mount --make-rprivate /
		mount -t proc proc "$tree/proc"
		for device in null zero full random urandom; do
			[ -e "$tree/dev/$device" ] || touch "$tree/dev/$device"
			mount --bind "/dev/$device" "$tree/dev/$device"
		done
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			DEB_BUILD_PROFILES="${DEB_BUILD_PROFILES:-}" DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" \
			chroot "$tree" "$@"
	' in_tree "$tree" "$@" </dev/null
}

pid1=
machine_cgroup=

# Process 1 of the namespaces, on its way to become systemd: machine_init TREE CONSOLE.
machine_init()
{
	local tree=$1 device

	mount --make-rprivate /
	mount --bind "$tree" "$tree"
	cd "$tree" || exit
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t tmpfs -o mode=755 tmpfs run
	# What systemd does to its own devices is to reach nobody else's.
	mount -t tmpfs -o mode=755 tmpfs dev
	for device in null zero full random urandom tty; do
		touch "dev/$device"
		mount --bind "/dev/$device" "dev/$device"
	done
	mkdir dev/shm dev/pts
	mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
	ln -s pts/ptmx dev/ptmx
	touch dev/console
	mount --bind "$2" dev/console
	ip link set lo up
	mkdir -p mnt
	pivot_root . mnt
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=mmproxy-test /bin/sh -c \
		'umount -l /mnt && exec /lib/systemd/systemd --system --unit=multi-user.target --show-status=no' \
		</dev/null >/dev/null 2>&1
}

# boot TREE: until systemd has started what it starts at a boot.
boot()
{
	local holder

	touch "$work/console"
	mkdir -p "$work/cgroup"
	mount -t cgroup2 cgroup2 "$work/cgroup" 2>/dev/null || skip "cgroup2 cannot be mounted"
	machine_cgroup=$work/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/mmproxy-package-$$
	mkdir "$machine_cgroup" 2>/dev/null || skip "no control group can be made"
	(
		echo "$BASHPID" >"$machine_cgroup/cgroup.procs"
		exec unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child \
			"$0" --boot "$1" "$work/console" >"$work/boot.log" 2>&1 </dev/null
	) &
	holder=$!
	for _ in $(seq 300); do
		pid1=$(pgrep -P "$holder" || true)
		[ -z "$pid1" ] || break
		sleep 0.1
	done
	[ -n "$pid1" ] || skip "no namespaces: $(cat "$work/boot.log")"
	for _ in $(seq 600); do
		case $(control is-system-running || true) in
		running | degraded) return ;;
		esac
		kill -0 "$pid1" 2>/dev/null || skip "systemd does not run here: $(cat "$work/boot.log" "$work/console")"
		sleep 0.1
	done
	fail "the machine does not come up"
}

# End the machine and everything on it.
halt()
{
	if [ -n "$pid1" ]; then
		kill -KILL "$pid1" 2>/dev/null || true
	fi
	pid1=
	for _ in $(seq 100); do
		[ -d "$machine_cgroup" ] || break
		find "$machine_cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
		sleep 0.1
	done
	umount "$work/cgroup" 2>/dev/null || true
}

# on_machine COMMAND...: as root, in its tree.
on_machine()
{
	nsenter -t "$pid1" -p -m -n -u -i -C -r -w -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive timeout 300 "$@" </dev/null
}

# beside_machine COMMAND...: a program of the host's, with the machine's network.
beside_machine()
{
	nsenter -t "$pid1" -n -- "$@"
}

control()
{
	on_machine systemctl --no-pager "$@" 2>>"$work/systemctl.log"
}

# property NAME: of mmproxy.service.
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
