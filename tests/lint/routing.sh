#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/routing: its files are those that its README, mmproxy(8) and "make install" know, its
# configurations are valid and speak of the numbers in the scripts, systemd understands its unit, and
# the drawings of mmproxy(8) fit a terminal.
set -euo pipefail
export LC_ALL=C.UTF-8

cd "${top_srcdir:-$(dirname "$0")/../..}"
recipes=contrib/routing
page=man/mmproxy.8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# --- Files -----------------------------------------------------------------------------------------

awk '/^\.Sh / { p = $2 == "ROUTING" } p' "$page" >"$work/section"
[ -s "$work/section" ] || complain "$page: no section ROUTING"
count=0
for file in "$recipes"/*; do
	name=${file##*/}
	count=$((count + 1))
	grep -q "^	$file\( \|\$\)" Makefile.am || complain "$file is not installed"
	[ "$name" = README ] || grep -q -F -w -e "$name" "$recipes/README" || complain "$recipes/README: no $name"
	# A script's name is a path in the page.
	[ ! -x "$file" ] || grep -q -x ".Pa ${name}[ ,;.]*" "$work/section" || complain "$page: no .Pa $name"
done
[ "$count" -ge 10 ] || complain "only $count files in $recipes"
# The other way round: what the page names is there.
while read -r name; do
	case $name in
	routing | README | [/]* | mmproxy-routes.service) ;;
	*) [ -e "$recipes/$name" ] || complain "$page: there is no $recipes/$name" ;;
	esac
done < <(sed -n 's/^\.Pa \([^ ]*\).*/\1/p' "$work/section")

# --- Configurations and scripts agree ----------------------------------------------------------------

# number SCRIPT VARIABLE: its value unless set.
number()
{
	sed -n "s/^$2=\${$2:-\(.*\)}\$/\1/p" "$recipes/$1"
}

for file in "$recipes"/*.conf; do
	"${MMPROXY:?the program}" -t -c "$file" >"$work/said" 2>&1 || complain "$file: $(cat "$work/said")"
done
for name in marks other-host; do
	grep -q "^  mark = $(number marks MARK);" "$recipes/$name.conf" || complain "$name.conf: not MARK of marks"
done
grep -q "127.0.0.1:$(number tproxy LISTEN_PORT)\"" "$recipes/tproxy.conf" ||
	complain "tproxy.conf: not LISTEN_PORT of tproxy"
grep -q "10.20.0.2:$(number backend-host PORT)\"" "$recipes/other-host.conf" ||
	complain "other-host.conf: not PORT of backend-host"
# None shares what is to be its own.
for variable in TABLE PREFERENCE; do
	repeated=$(for name in loopback marks tproxy backend-host; do
		number "$name" "$variable"
	done | sort | uniq -c | awk '$1 > 1 { print $2 }')
	[ -z "$repeated" ] || complain "two scripts have the $variable $repeated"
done

# --- The unit ------------------------------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
	# Where it looks for the scripts they are not.
	sed 's|/etc/mmproxy-routing/%i|/bin/true|' "$recipes/mmproxy-routing@.service" \
		>"$work/mmproxy-routing@marks.service"
	said=$(SYSTEMD_UNIT_PATH="$work:" systemd-analyze verify --man=no \
		"$work/mmproxy-routing@marks.service" 2>&1) || complain "the unit is not valid"
	said=$(grep mmproxy <<<"$said" || true)
	[ -z "$said" ] || complain "the unit: $said"
else
	echo "skipped: systemd-analyze is not installed, so the unit is not checked"
fi

# --- Drawings --------------------------------------------------------------------------------------------

if command -v mandoc >/dev/null; then
	mandoc -T utf8 -O width=78 "$page" | sed 's/.\x08//g' |
		awk '/^[^ ]/ { p = /^ROUTING/ } p' >"$work/rendered"
	[ "$(grep -c '^ *forth ' "$work/rendered")" = 4 ] || complain "$page: not four drawings"
	too_long=$(grep -E '^.{79}' "$work/rendered" || true)
	[ -z "$too_long" ] || complain "$page: wider than 78 columns: $too_long"
else
	echo "skipped: mandoc is not installed, so the drawings are not measured"
fi
exit "$status"
