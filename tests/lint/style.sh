#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The rules of the house that a program can check: which floor includes which, and what every file has.
# "style.sh --fix-includes" brings the includes of every file into order.
set -euo pipefail

fix=no
if [ "${1:-}" = --fix-includes ]; then
	fix=yes
fi

cd "$(dirname "$0")/../.."
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
loop=$work/loop

complain()
{
	echo "$1"
	status=1
}

# lines REGEX MESSAGE FILE...: complain of every line that matches.
lines()
{
	local regex=$1 message=$2 hit

	shift 2
	while read -r hit; do
		complain "$hit: $message"
	done < <(grep -H -n -E -e "$regex" "$@" | cut -d: -f1,2)
}

mapfile -t sources < <(find src tests -name '*.[ch]' | sort)
mapfile -t program < <(find src -name '*.[ch]' | sort)
mapfile -t headers < <(find src tests -name '*.h' | sort)
places=(contrib tests)
if [ -d .ci ]; then
	places+=(.ci)
fi
mapfile -t scripts < <({
	ls Makefile.am configure.ac m4/mmproxy.m4
	find "${places[@]}" -type f -exec grep -I -l -E -m 1 '^(#!|# shellcheck shell=)' {} +
} | sort)

# --- Every file ----------------------------------------------------------------------------------

for file in "${sources[@]}"; do
	[ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: BSD-2-Clause */' ] ||
		complain "$file:1: the first line is not the licence's"
done
for file in "${scripts[@]}"; do
	head -n 2 "$file" | grep -q '^# SPDX-License-Identifier: BSD-2-Clause$' ||
		complain "$file:1: the licence is in neither of the first two lines"
done
lines '[[:space:]]$' "space at the end of the line" "${sources[@]}" "${scripts[@]}"
# In two parts, so that this line does not find itself.
lines 'TO''DO|FIX''ME' "unfinished work belongs into an issue" "${sources[@]}" "${scripts[@]}"

for file in "${headers[@]}"; do
	guard=$(basename "$file" .h | tr '[:lower:]' '[:upper:]')_H
	case $file in
	tests/*) guard=MMPROXY_TEST_$guard ;;
	*) guard=MMPROXY_$guard ;;
	esac
	if ! grep -q "^#ifndef $guard\$" "$file" || ! grep -q "^#define $guard\$" "$file"; then
		complain "$file:1: the guard is not $guard"
	fi
done

for file in "${sources[@]}"; do
	LC_ALL=C awk -f tests/lint/include_order.awk "$file" >"$work/ordered"
	if cmp -s "$work/ordered" "$file"; then
		continue
	elif [ "$fix" = yes ]; then
		cat "$work/ordered" >"$file"
	else
		complain "$file: its includes are not in order; tests/lint/style.sh --fix-includes mends that"
	fi
done

# --- The program ---------------------------------------------------------------------------------

lines '(^|[^_[:alnum:]])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|strncpy|inet_ntoa|inet_addr)\(' \
	"this function is not used here" "${program[@]}"
for file in "${program[@]}"; do
	case $file in
	# The parent of a fork has nothing left to undo.
	src/daemon/leave.c) ;;
	# Nor has a child of the daemon.
	src/daemon/upgrade_launcher_child.c) ;;
	*) lines '(^|[^_[:alnum:]])_?exit\(' "only the main function ends the process" "$file" ;;
	esac
done

for file in "${program[@]}"; do
	case $file in
	src/worker/* | src/tcp/* | src/udp/* | src/daemon/*) ;;
	*) lines '^#include <event2/' "libevent stays in worker, tcp, udp and daemon" "$file" ;;
	esac
	case $file in
	src/conf/*) ;;
	*) lines '^#include <libconfig' "libconfig stays in conf" "$file" ;;
	esac
	case $file in
	src/*/*.c)
		own=${file#src/}
		own=${own%.c}.h
		if [ -f "src/$own" ] && [ "$(grep -m 1 '^#include' "$file")" != "#include \"$own\"" ]; then
			complain "$file: does not include its own header first"
		fi
		;;
	esac
done

# Includes point down, and never across to another folder of the same floor.
awk '
	BEGIN {
		floor["base"] = 0
		floor["proxyproto"] = floor["net"] = 1
		floor["fastpath"] = 2
		floor["conf"] = 3
		floor["service"] = 4
		floor["tcp"] = floor["udp"] = 5
		floor["worker"] = 6
		floor["routing"] = 7
		floor["doctor"] = 8
		floor["admin"] = floor["daemon"] = 9
		floor["main.c"] = 10
	}
	/^#include "/ {
		split(FILENAME, from, "/")
		split($2, to, "[\"/]")
		if (to[2] == from[2] || to[2] == "config.h")
			next
		if (!(from[2] in floor) || !(to[2] in floor) || floor[to[2]] >= floor[from[2]]) {
			print FILENAME ":" FNR ": " from[2] " may not include " $2
			bad = 1
		}
	}
	END { exit bad }' "${program[@]}" || status=1

# Within these folders includes point one way too: a room knows those below it. A room is a source
# file with its header.
for folder in base net fastpath service udp worker doctor daemon; do
	awk -v folder="$folder" '
		/^#include "/ {
			split(FILENAME, from, "[/.]")
			split($2, to, "[\"/.]")
			if (to[2] == folder && to[3] != from[3])
				print from[3], to[3]
		}' src/"$folder"/*.[ch] | tsort >/dev/null 2>"$loop" ||
		complain "src/$folder: rooms include each other in a circle: $(grep -v loop "$loop" | sed 's/.*: //' | xargs)"
done

# ARCHITECTURE.md names every room of every floor, and no other. In its first block a line begins with
# a floor, and what follows, on further lines as well, are its rooms.
named=$(awk '
	/^```/ { if (inside) exit; inside = 1; next }
	inside && /^[a-z]/ { floor = $1; $1 = "" }
	inside && floor != "main" { for (i = 1; i <= NF; i++) if ($i != "") print floor "/" $i }
' ARCHITECTURE.md | sort)
there=$(find src -mindepth 2 -name '*.[ch]' | sed 's,^src/,,; s,\.[ch]$,,' | sort -u)
while read -r room; do
	complain "ARCHITECTURE.md: $room is a room here or in src/, but not in both"
done < <(comm -3 <(echo "$named") <(echo "$there") | tr -d '\t')

exit "$status"
