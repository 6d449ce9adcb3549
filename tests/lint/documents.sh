#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# README.md, doc and the READMEs of containers: their links lead somewhere, the reasons, causes and keys
# that they name are there, mmproxy takes their configurations and command lines, figures of doc/scale.md
# are the sums that they are said to be, and the drawing is the one of its source.
# LIST_NAMES and LIST_KEYS are the programs that print these.
set -euo pipefail

names=${LIST_NAMES:?the path of list_names}
keys=${LIST_KEYS:?the path of list_keys}
: "${MMPROXY:?the program}"
cd "${top_srcdir:-$(dirname "$0")/../..}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
pages=(README.md doc/moving.md doc/scale.md doc/speed.md doc/troubleshooting.md)

complain()
{
	echo "$1"
	status=1
}

# --- Links ---------------------------------------------------------------------------------------------

# anchors PAGE: what its headings can be linked by.
anchors()
{
	sed -n 's/^##* //p' "$1" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9_\n-'
}

count=0
for page in "${pages[@]}"; do
	while read -r link; do
		count=$((count + 1))
		file=${link%%#*}
		[ -e "$(dirname "$page")/$file" ] || complain "$page: there is no $file"
		case $link in
		*'#'*) anchors "$(dirname "$page")/$file" | grep -q -x -F -e "${link#*#}" ||
			complain "$page: $file has no heading for #${link#*#}" ;;
		esac
	done < <(tr '\n' ' ' <"$page" | grep -oE '\]\([^)]*\)' | sed 's/^](//; s/)$//' | grep -v '^https://')
done
[ "$count" -gt 30 ] || complain "only $count links were found"

# --- Names ---------------------------------------------------------------------------------------------

{
	"$names" | cut -f2
	"$keys" | cut -f2
	# Fields of the log, options of others, and what is part of a key's name.
	printf '%s\n' icmp_errors rp_filter src_valid_mark tcp_wmem proxy_protocol proxy_bind
} | sort -u >"$work/known"
# What stands between two of these is a name.
tick='`'
count=0
for page in "${pages[@]}" contrib/docker/README contrib/kubernetes/README; do
	while read -r name; do
		count=$((count + 1))
		grep -q -x -F -e "$name" "$work/known" || complain "$page: mmproxy knows no $name"
	done < <(grep -oE "${tick}[a-z0-9]+(_[a-z0-9]+)+$tick" "$page" | tr -d "$tick" | sort -u)
done
[ "$count" -gt 30 ] || complain "only $count names were found"

# Flags behind the program's name, which journalctl(1) and kubectl have as a name of something else.
"$MMPROXY" --help >"$work/help"
count=0
while read -r flag; do
	count=$((count + 1))
	grep -q -E -e "(^|[^a-z-])$flag([^a-z-]|\$)" "$work/help" || complain "mmproxy has no flag $flag"
done < <(sed 's/ -[cu] mmproxy / /g' "${pages[@]}" contrib/docker/README contrib/kubernetes/README | grep -oE '\bmmproxy( -c [^ ]+)?( --?[a-z-]+)+' |
	grep -oE ' --?[a-z-]+' | tr -d ' ' | sort -u)
[ "$count" -ge 10 ] || complain "only $count flags were found"

# The reasons of a failure are a matter of troubleshooting, as are the causes that are FAIL mostly.
for name in backend_timeout backend_refused header_invalid header_timeout peer_denied source_conflict \
	rule_missing backend_down backend_elsewhere behind_docker_proxy; do
	grep -q -F "$tick$name$tick" doc/troubleshooting.md || complain "doc/troubleshooting.md: no $name"
done

# --- Configurations and command lines --------------------------------------------------------------------

has_routes=yes
"$MMPROXY" -V | grep -q -x 'libnl: yes' || {
	has_routes=no
	echo "skipped: mmproxy is built without libnl, so configurations with routing.manage are not tested"
}
for page in doc/moving.md doc/scale.md; do
	name=$(basename "$page" .md)
	# An indented block is a configuration if it has listeners.
	awk -v prefix="$work/$name" '
		/^    / { block = block substr($0, 5) "\n"; next }
		{ if (block ~ /listeners = \(/) printf "%s", block >(prefix "." ++n ".conf"); block = "" }
		END { if (block ~ /listeners = \(/) printf "%s", block >(prefix "." ++n ".conf") }' "$page"
	[ -e "$work/$name.1.conf" ] || complain "$page: no configuration was found"
	for file in "$work/$name".*.conf; do
		[ "$has_routes" = yes ] || continue
		"$MMPROXY" -t -c "$file" >"$work/said" 2>&1 || complain "$page: $(cat "$work/said")"
	done
done

echo 198.51.100.0/24 | tee "$work/subnets.txt" >"$work/networks.txt"
mkdir "$work/bin"
ln -s "$MMPROXY" "$work/bin/mmproxy"
count=0
while read -r line; do
	count=$((count + 1))
	(cd "$work" && PATH=$work/bin:$PATH sh -c "$line --show-config") >"$work/shown" 2>&1 ||
		complain "\"$line\": $(cat "$work/shown")"
	grep -q 'allowed_subnets_file = ' "$work/shown" || complain "\"$line\": anybody may connect"
done < <(sed -n 's/^    \(mmproxy .*-l .*\)/\1/p' README.md doc/moving.md)
[ "$count" -ge 5 ] || complain "only $count command lines were found"

# --- Figures ---------------------------------------------------------------------------------------------

# The columns of doc/scale.md's table are those of its first one, times the connections.
awk -F'|' '
	function bytes(text) {
		gsub(/,/, "", text)
		return text * (text ~ /GB/ ? 1e9 : text ~ /MB/ ? 1e6 : text ~ /KB/ ? 1e3 : 1)
	}
	function near(what, is, wanted) {
		if (is < wanted * 0.98 || is > wanted * 1.02) { print "doc/scale.md: " what ": " is ", and not " wanted; bad = 1 }
	}
	/^\| descriptors of mmproxy/ { descriptors = $3 }
	/^\| memory of mmproxy, idle/ { own = bytes($3) }
	/^\| memory of the kernel, idle/ { kernel = bytes($3); near("two sockets", kernel, 2 * (2368 + 832 + 192 + 192 + 56 + 208)) }
	/^\| memory of the kernel for/ { server = bytes($3); near("a socket", server, 2368 + 832 + 192 + 192 + 56) }
	/^\| [0-9,]+ \|/ {
		rows++
		n = bytes($2)
		near("descriptors", bytes($3), n * descriptors)
		near("mmproxy", bytes($4), n * own)
		near("kernel", bytes($5), n * kernel)
		near("server", bytes($6), n * server)
	}
	END { if (rows != 3) { print "doc/scale.md: " rows " rows"; bad = 1 } exit bad }' doc/scale.md || status=1

# --- The drawing -----------------------------------------------------------------------------------------

# Graphviz writes spaces that pad a label as &#160;.
sed 's/ *&#160; *//g' doc/path.svg >"$work/path.svg"
count=0
while read -r text; do
	count=$((count + 1))
	grep -q -F -e ">$text<" "$work/path.svg" || complain "doc/path.svg is not of doc/path.dot: no \"$text\"; make drawings"
done < <(grep -oE 'label="[^"]*"' doc/path.dot | sed 's/^label="//; s/"$//; s/\\n/\n/g; s/'"'"'/\&#39;/g' |
	sed 's/^ *//; s/ *$//')
[ "$count" -gt 8 ] || complain "only $count labels were found"

exit "$status"
