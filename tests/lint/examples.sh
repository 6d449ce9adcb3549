#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The examples of the manual pages and the README work when they are pasted: configurations pass
# "mmproxy -t", what --decode is said to print is what it prints, and the commands for return routes run
# in a namespace of their own.
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

# The example of --decode is a command, and behind it what the command prints.
awk -v work="$work" '
	/^\.Ss Explaining a header/ { section = 1; next }
	/^\.S[sh]/ { section = 0 }
	section && /^\.Bd -literal/ { inside = ++n; next }
	/^\.Ed/ { inside = 0 }
	inside { gsub(/\\e/, "\\"); print >(work "/decode." inside) }
' "$top/man/mmproxy.8"
mkdir "$work/bin"
ln -s "$MMPROXY" "$work/bin/mmproxy"
PATH=$work/bin:$PATH sh -e "$work/decode.1" >"$work/decode.out" || status=1
diff "$work/decode.2" "$work/decode.out" || status=1

# Without namespaces the commands would change the host.
who=()
if [ "$(id -u)" != 0 ]; then
	who=(--user --map-root-user)
fi

# paste RENDERER HEADING COUNT: what stands below the heading of mmproxy(8), pasted as it is rendered,
# sets so many rules that look into table 123.
paste()
{
	"$top/tests/lint/man_block" "$1" "$top/man/mmproxy.8" "$2" >"$work/commands"
	if ! unshare "${who[@]}" --net sh -e -c \
		"ip link set lo up; . '$work/commands'; ip rule; ip -6 rule" >"$work/rules" 2>&1 ||
		[ "$(grep -c 'lookup 123' "$work/rules")" != "$3" ]; then
		echo "pasted from $1, \"$2\" does not work:"
		cat "$work/commands" "$work/rules"
		status=1
	fi
}

if ! unshare "${who[@]}" --net true 2>/dev/null; then
	echo "skipped: namespaces cannot be made here, so the commands of mmproxy(8) are not run"
	exit "$status"
fi
for renderer in mandoc groff; do
	if ! command -v "$renderer" >/dev/null; then
		echo "skipped: $renderer is not installed, so the commands of mmproxy(8) are not run"
		continue
	fi
	paste "$renderer" "Backends on loopback" 2
	if unshare "${who[@]}" --net nft add table inet probe 2>"$work/probe"; then
		paste "$renderer" "Backends that are not on loopback" 2
	else
		echo "skipped: no nftables here, so the rules of mmproxy(8) are not set: $(cat "$work/probe")"
	fi
done
exit "$status"
