#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The Debian package on fresh machines of each release: installed it waits for its configuration, an
# upgrade under load breaks and refuses nothing, a version that fails changes nothing, and purging it
# leaves nothing.
#   tests/package/deb.sh BUILD [RELEASE...]    BUILD is where "make deb" was run
# A release that is not this host's builds the package for itself, out of the same source package.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/package/machine.sh
. "$top/tests/package/machine.sh"
if [ "${1:-}" = --boot ]; then
	machine_init "$2" "$3"
fi

build=$(cd "${1:?the directory of the build}" && pwd)
shift
releases=("$@")
if [ "$#" = 0 ]; then
	releases=(bookworm trixie)
fi
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" = 0 ] || skip "machines need root"
for tool in debootstrap dpkg-deb apt-get unshare nsenter ip python3 pgrep; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
archive=$(mirror)
[ -n "$archive" ] || skip "apt knows no archive of this release"

work=$(mktemp -d /tmp/mmproxy-deb.XXXXXX)
load=

clean_up()
{
	if [ -n "$load" ]; then
		kill "$load" 2>/dev/null || true
	fi
	halt
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "FAILED: $release: $*" >&2
	{
		if [ -n "$pid1" ]; then
			control status mmproxy.service mmproxy-routes.service || true
			on_machine journalctl --no-pager -n 40 || true
		fi
		tail -n 20 "$work/dpkg.log" "$work/boot.log" "$work/complaints" 2>/dev/null || true
	} >&2
	exit 1
}

says()
{
	[ "$(property "$1")" = "$2" ] || fail "$1 is $(property "$1"), not $2, $3"
}

# --- Trees and packages ----------------------------------------------------------------------------------

make_tree()
{
	/usr/lib/apt/apt-helper download-file "${archive%/}/dists/$release/InRelease" "$work/InRelease" \
		>/dev/null 2>&1 || skip "the archive has no $release, or is out of reach"
	debootstrap --variant=minbase --include=systemd,systemd-sysv "$release" "$tree" "$archive" \
		>"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" && fail "debootstrap"; }
	# Nobody needs the tree after a power failure.
	echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/unsafe-io"
	# There is no terminal.
	ln -s /dev/null "$tree/etc/systemd/system/console-getty.service"
	echo 'Acquire::Languages "none";' >"$tree/etc/apt/apt.conf.d/10languages"
	in_tree "$tree" apt-get -q update >"$work/apt.log" 2>&1 || { cat "$work/apt.log" && fail "apt-get update"; }
}

# The package for this release: packages/one.deb of the tree.
make_package()
{
	local version

	mkdir -p "$tree/packages"
	# What a .deb is linked with fits the release that it was built on.
	if [ "$release" = "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ]; then
		cp "$build"/mmproxy_*.deb "$tree/packages/one.deb"
		return
	fi
	cp -a --reflink=auto "$tree" "$tree.build"
	mkdir "$tree.build/build"
	cp "$build"/deb/mmproxy_* "$tree.build/build/"
	version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$top/contrib/debian/changelog")
	DEB_BUILD_PROFILES=nocheck DEB_BUILD_OPTIONS=nocheck in_tree "$tree.build" sh -e -c "
		cd /build
		apt-get -q -y --no-install-recommends install build-essential
		apt-get -q -y --no-install-recommends build-dep ./mmproxy_$version.dsc
		dpkg-source -x mmproxy_$version.dsc source
		cd source
		dpkg-buildpackage -b -us -uc
	" >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" && fail "the package does not build"; }
	rm -f "$tree.build"/build/*-dbgsym_*
	cp "$tree.build"/build/mmproxy_*.deb "$tree/packages/one.deb"
	rm -rf --one-file-system "$tree.build"
}

# later_package NAME VERSION: another version of it, with another sample, and as a function "edit" wants.
later_package()
{
	rm -rf "$work/unpacked"
	dpkg-deb -R "$tree/packages/one.deb" "$work/unpacked"
	sed -i "s/^Version: .*/Version: $2/" "$work/unpacked/DEBIAN/control"
	echo "# of version $2" | tee -a "$work/unpacked/etc/mmproxy.conf" \
		>>"$work/unpacked/usr/share/mmproxy/mmproxy.conf"
	edit "$work/unpacked"
	dpkg-deb --root-owner-group -b "$work/unpacked" "$tree/packages/$1.deb" >/dev/null
}

make_later_packages()
{
	edit()
	{
		:
	}
	later_package two 99
	edit()
	{
		printf '#!/bin/sh\necho "out of order" >&2\nexit 1\n' >"$1/usr/sbin/mmproxy"
	}
	later_package broken 100
	edit()
	{
		:
	}
	later_package mended 101
}

# What the package needs is there before it is, so that all that comes and goes is the package's own.
install_dependencies()
{
	local packages

	mapfile -t packages < <(in_tree "$tree" apt-get -s --no-install-recommends install /packages/one.deb |
		awk '$1 == "Inst" && $2 != "mmproxy" { print $2 }')
	in_tree "$tree" apt-get -q -y --no-install-recommends install "${packages[@]}" >"$work/apt.log" 2>&1 ||
		{ cat "$work/apt.log" && fail "the dependencies of the package cannot be installed"; }
}

# --- On the machine ---------------------------------------------------------------------------------------

# install PACKAGE: as unattended upgrades do, which keep what the operator has changed.
install_package()
{
	on_machine dpkg --force-confdef --force-confold -i "/packages/$1.deb" >"$work/dpkg.log" 2>&1 ||
		fail "dpkg -i $1.deb"
}

# Every file but those that keep books on packages, users and boots.
list_files()
{
	(
		cd "$tree"
		find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -path ./packages -prune -o \
			-path ./run/systemd -prune -o -path ./tmp -prune -o -path ./var/tmp -prune -o \
			-path ./var/lib/dpkg -prune -o -path ./var/lib/apt -prune -o -path ./var/cache -prune -o \
			-path ./var/log/journal -prune -o -path ./var/log/apt -prune -o -path ./var/lib/systemd -prune -o \
			-print | grep -v -x -E './var/log/(dpkg|alternatives)\.log|./etc/(passwd|group|shadow|gshadow)-' |
			sort
	)
	# It is another file system.
	on_machine find /run -path /run/systemd -prune -o -print | grep mmproxy || true
	find "$tree/var/lib/systemd" -name '*mmproxy*'
}

connects()
{
	beside_machine python3 - <<-END
		import socket
		with socket.create_connection(("127.0.0.1", 7000), timeout=60) as s:
		    s.sendall(b"PROXY TCP4 203.0.113.200 198.51.100.1 40000 443\\r\\nx")
		    assert s.recv(1) == b"x"
	END
}

start_load()
{
	rm -rf "$work/load"
	mkdir "$work/load"
	beside_machine python3 "$top/tests/interop/restart_load.py" "$work/load" \
		>"$work/totals" 2>"$work/complaints" &
	load=$!
	await [ -e "$work/load/serving" ]
}

open_connection()
{
	touch "$work/load/idle"
	await [ ! -e "$work/load/idle" ]
}

# end_load WHAT: none has failed.
end_load()
{
	local connections failed longest

	touch "$work/load/stop"
	wait "$load" || fail "the load failed"
	load=
	read -r connections failed longest <"$work/totals"
	echo "$release: $connections connections through $1: $failed failed, the longest wait $longest ms"
	[ "$connections" -gt 10 ] || fail "too few to tell"
	[ "$failed" = 0 ] || fail "connections failed"
}

has_routes()
{
	grep -q -w 'lookup 123' <<<"$(beside_machine ip rule)"
}

listens()
{
	[ -n "$(beside_machine ss --no-header --tcp --listening --numeric "sport = :$1")" ]
}

configure()
{
	cat >"$tree/etc/mmproxy.conf" <<-END
		workers = 2;
		drain_timeout = "2s";
		log = { target = "/var/log/mmproxy/mmproxy.log"; };
		admin = { listen = "unix:/run/mmproxy/admin.sock"; };
		routing = { manage = true; };
		listeners = (
		  { name = "t"; listen = "127.0.0.1:7000"; targets = { ipv4 = "127.0.0.1:8000"; };
		    allowed_subnets = [ "127.0.0.0/8" ]; } );
	END
	cp "$tree/etc/mmproxy.conf" "$work/mmproxy.conf"
}

test_first_installation()
{
	local path

	install_package one
	[ "$(control is-enabled mmproxy.service)" = enabled ] || fail "the service is not enabled"
	says ActiveState inactive "after the installation"
	control start mmproxy.service || true
	says ActiveState inactive "after a start with the sample"
	[ "$(control show --value -p ActiveState mmproxy-routes.service)" = inactive ] || fail "the sample has routes"
	! has_routes || fail "the sample has changed routes"
	! listens 25577 || fail "the sample listens"
	grep -q '^mmproxy:' "$tree/etc/passwd" || fail "there is no user"
	[ -d "$tree/var/log/mmproxy" ] || fail "there is no directory for logs"
	for path in etc/logrotate.d/mmproxy etc/fail2ban/action.d/mmproxy.conf etc/fail2ban/filter.d/mmproxy.conf \
		usr/share/bash-completion/completions/mmproxy usr/share/zsh/vendor-completions/_mmproxy \
		usr/share/mmproxy/prometheus/alerts.yml usr/share/mmproxy/grafana/mmproxy.json \
		usr/share/mmproxy/systemd/udp-kernel.conf \
		usr/share/doc/mmproxy/README.Debian usr/share/doc/mmproxy/examples/haproxy.conf \
		usr/share/man/man8/mmproxy.8.gz usr/share/man/man5/mmproxy.conf.5.gz; do
		[ -e "$tree/$path" ] || fail "$path is missing"
	done
}

test_start()
{
	local uid

	configure
	start_load
	control start mmproxy.service || fail "it does not start with a configuration"
	connects || fail "it does not serve"
	uid=$(sed -n 's/^mmproxy:[^:]*:\([0-9]*\):.*/\1/p' "$tree/etc/passwd")
	[ "$(on_machine sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(property MainPID)/status")" = "$uid" ] ||
		fail "it does not run as mmproxy"
	control reload mmproxy.service || fail "it does not reload"
	[ "$(on_machine stat -c %U:%a /var/log/mmproxy)" = mmproxy:750 ] || fail "logs: $(on_machine ls -ld /var/log/mmproxy)"
}

# The load goes on since test_start.
test_upgrade()
{
	local former

	former=$(property MainPID)
	touch "$work/load/go"
	open_connection
	sleep 0.5
	install_package two
	says ActiveState active "after the upgrade"
	[ "$(property MainPID)" != "$former" ] || fail "the upgrade has left the former process in charge"
	[ "$(on_machine readlink "/proc/$(property MainPID)/exe")" = /usr/sbin/mmproxy ] || fail "it is the former program"
	cmp "$tree/etc/mmproxy.conf" "$work/mmproxy.conf" || fail "the upgrade has changed the configuration"
	grep -q 'of version 99' "$tree/usr/share/mmproxy/mmproxy.conf" || fail "the sample is the former one"
	open_connection
	# A restart would have ended the first connection by now.
	sleep 3
	on_machine [ -d "/proc/$former" ] || fail "the former process has left its connection"
	end_load "an upgrade"
}

test_policy()
{
	local former

	former=$(property MainPID)
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	install_package two
	rm "$tree/usr/sbin/policy-rc.d"
	says MainPID "$former" "though policy-rc.d forbids it"
}

test_broken_upgrade()
{
	local former

	former=$(property MainPID)
	start_load
	touch "$work/load/go"
	open_connection
	install_package broken
	grep -q 'out of order' "$work/dpkg.log" || fail "nobody says what is wrong with the new version"
	grep -q 'does not take over' "$work/dpkg.log" || fail "nobody says that the new version is not used"
	says MainPID "$former" "though the new version does not run"
	install_package mended
	[ "$(property MainPID)" != "$former" ] || fail "the version after one that failed is not used"
	end_load "a version that fails and the next one"
}

test_removal()
{
	start_load
	open_connection
	has_routes || fail "there were no routes to take away"
	on_machine dpkg -r mmproxy >"$work/dpkg.log" 2>&1 || fail "dpkg -r"
	! listens 7000 || fail "it listens after its removal"
	gone()
	{
		! on_machine sh -c 'ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q "/usr/sbin/mmproxy"'
	}
	await gone
	! has_routes || fail "routes are left: $(beside_machine ip rule)"
	touch "$work/load/stop"
	wait "$load" || true
	load=
	[ ! -e "$tree/usr/sbin/mmproxy" ] || fail "the program is left"
	cmp "$tree/etc/mmproxy.conf" "$work/mmproxy.conf" || fail "the removal has changed the configuration"
	[ -s "$tree/var/log/mmproxy/mmproxy.log" ] || fail "the removal has taken the log"

	# Its configuration is there, so it starts.
	install_package one
	says ActiveState active "after it was installed again"
	listens 7000 || fail "it does not listen after it was installed again"
}

test_purge()
{
	local left

	on_machine dpkg -P mmproxy >"$work/dpkg.log" 2>&1 || fail "dpkg -P"
	await gone
	left=$(list_files | comm -13 "$work/before" -)
	[ -z "$left" ] || fail "purging leaves $left"
	! grep -q -i 'not empty' "$work/dpkg.log" || fail "purging leaves directories"
	[ -z "$(control list-unit-files --no-legend 'mmproxy*')" ] || fail "units are left"
}

for release in "${releases[@]}"; do
	tree=$work/$release
	began=$SECONDS
	make_tree
	make_package
	make_later_packages
	install_dependencies
	echo "$release: the machine took $((SECONDS - began)) s"
	boot "$tree"
	list_files >"$work/before"
	test_first_installation
	test_start
	test_upgrade
	test_policy
	test_broken_upgrade
	test_removal
	test_purge
	halt
	rm -rf --one-file-system "$tree"
	echo "$release: all is well, after $((SECONDS - began)) s"
done
