#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# systemd understands every line of the units, those of the form for systemd 253 as well where it is
# that new, and finds little in them that a service could do without. top_builddir is a configured build, MMPROXY its program.
set -euo pipefail

command -v systemd-analyze >/dev/null || {
	echo "skipped: systemd-analyze is not installed"
	exit 77
}
build=${top_builddir:?the directory of the build}
program=${MMPROXY:?the program}
top=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

# unit EDIT: make the unit of the sources as configure does, with this edit, and with this program.
unit()
{
	sed -e "s|@sbindir@/mmproxy|$program|" -e "s|@sysconfdir@|/etc|" -e "$1" \
		"$top/contrib/mmproxy.service.in" >"$work/mmproxy.service"
}

# verify WHAT: the units are without a word of complaint.
verify()
{
	local said

	said=$(SYSTEMD_UNIT_PATH="$work:" systemd-analyze verify --man=no "$work"/*.service \
		"$work"/*.socket 2>&1) || status=1
	# Units of the host that are drawn in may have mistakes of their own.
	said=$(grep mmproxy <<<"$said" || true)
	[ -z "$said" ] || { status=1 && printf '%s: %s\n' "$1" "$said"; }
}

# exposure UNIT: no more than 1.5 of 10, in the words of "systemd-analyze security".
exposure()
{
	local said

	said=$(systemd-analyze security --no-pager --offline=true --threshold=15 "$1" 2>&1) ||
		{ status=1 && printf '%s is exposed too much:\n%s\n' "${1##*/}" "$said"; }
	grep -q '^→ Overall exposure level for ' <<<"$said" || { status=1 && printf '%s\n' "$said"; }
}

cp "$top/contrib/mmproxy.socket" "$work/"
sed -e "s|@sbindir@/mmproxy|$program|" -e "s|@sysconfdir@|/etc|" \
	"$top/contrib/mmproxy-routes.service.in" >"$work/mmproxy-routes.service"
unit ''
verify "the unit"
if [ "$version" -ge 250 ]; then
	exposure "$work/mmproxy.service"
	exposure "$work/mmproxy-routes.service"
else
	echo "skipped: systemd $version does not tell the exposure of a file"
fi
grep -q '^Type=notify$' "$work/mmproxy.service"
grep -q '^ExecReload=kill -HUP [$]MAINPID$' "$work/mmproxy.service"

# The drop-in grants what it says, to a unit that is as good as before otherwise.
mkdir "$work/mmproxy.service.d"
cp "$top/contrib/udp-kernel.conf" "$work/mmproxy.service.d/"
verify "the unit with udp-kernel.conf"
rm -r "$work/mmproxy.service.d"

edit=$(sed -n "s/.*\[unit_edit='\(.*\)'\].*/\1/p" "$top/configure.ac")
unit "$edit"
grep -q '^Type=notify-reload$' "$work/mmproxy.service"
if grep -q '^ExecReload=' "$work/mmproxy.service"; then
	echo "for systemd 253, a reload would be asked for twice"
	status=1
fi
if [ "$version" -ge 253 ]; then
	verify "the unit for systemd 253"
else
	echo "skipped: systemd $version does not know notify-reload"
fi

# This build's own is one of the two.
if [ -f "$build/contrib/mmproxy.service" ] &&
	! grep -q -x -E 'Type=notify(-reload)?' "$build/contrib/mmproxy.service"; then
	echo "the unit of this build has no Type"
	status=1
fi
exit "$status"
