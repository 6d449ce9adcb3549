#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The examples of the manual pages and the README work when they are pasted: configurations pass
# "mmproxy -t", and the commands for return routes run in a namespace of their own.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# configurations FILE: the literal blocks of a page that are whole configurations, as $work/N.conf.
configurations()
{
	awk -v work="$work" '
		/^\.Bd -literal/ { block = ""; inside = 1; next }
		/^\.Ed/ { if (block ~ /listeners = \(/) printf "%s", block >(work "/" ++n ".conf"); inside = 0 }
		inside { gsub(/\\e/, "\\"); block = block $0 "\n" }
	' "$1"
}

# check COUNT: at least so many were found, and the daemon accepts each.
check()
{
	local found=("$work"/*.conf) file

	if [ "${#found[@]}" -lt "$1" ]; then
		echo "only ${#found[@]} configurations were found, not $1"
		status=1
	fi
	for file in "${found[@]}"; do
		"$MMPROXY" -t -c "$file" || { status=1 && cat "$file"; }
	done
	rm -f "${found[@]}"
}

configurations "$top/man/mmproxy.conf.5"
check 5
# The README has its configurations indented, and one of them a list that its users have.
echo 198.51.100.0/24 >"$work/cloudflare.subnets"
sed "s,/etc/cloudflare\.subnets,$work/cloudflare.subnets," "$top/README.md" | awk -v work="$work" '
	/^    listeners = \($/ { n++; inside = 1 }
	inside { print substr($0, 5) >(work "/" n ".conf") }
	/^    \);$/ { inside = 0 }
'
check 2

# Without namespaces the commands would change the host.
who=()
if [ "$(id -u)" != 0 ]; then
	who=(--user --map-root-user)
fi
if unshare "${who[@]}" --net true 2>/dev/null; then
	sed -n '/^\.Ss Backends on loopback/,/^\.Ed/{/^ip /p}' "$top/man/mmproxy.8" >"$work/routes"
	[ "$(wc -l <"$work/routes")" = 4 ] || { status=1 && echo "the commands for routes were not found"; }
	unshare "${who[@]}" --net sh -e -c "ip link set lo up; . '$work/routes'; ip rule; ip -6 rule" \
		>"$work/rules" || status=1
	[ "$(grep -c 'lookup 123' "$work/rules")" = 2 ] || { status=1 && cat "$work/rules"; }
else
	echo "skipped: namespaces cannot be made here, so the commands of the manual page are not run"
fi
exit "$status"
