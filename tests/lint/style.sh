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
lines '(^|[^_[:alnum:]])_?exit\(' "only the main function ends the process" "${program[@]}"

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

# ARCHITECTURE.md has every room on its floor, and no other. The rooms of conf are not listed.
for folder in src/*/; do
	floor=$(basename "$folder")
	[ "$floor" != conf ] || continue
	for file in "$folder"*.[ch]; do
		basename "${file%.*}"
	done | sort -u >"$work/rooms"
	# Between the first two fences a floor is a line of its name and rooms, and lines that go on.
	awk -v floor="$floor" '
		/^```/ { fence++ }
		fence == 1 && /^[a-z]/ { inside = $1 == floor; $1 = "" }
		fence == 1 && inside && !/^```/ { for (i = 1; i <= NF; i++) if ($i != "") print $i }' \
		ARCHITECTURE.md | sort -u >"$work/listed"
	while read -r room; do
		complain "ARCHITECTURE.md: the floor $floor lacks $room, or has it without a file"
	done < <(comm -3 "$work/rooms" "$work/listed" | tr -d '\t')
done

# Includes point down, and never across to another folder of the same floor.
awk '
	BEGIN {
		floor["base"] = 0
		floor["proxyproto"] = floor["conf"] = floor["net"] = 1
		floor["service"] = 2
		floor["tcp"] = floor["udp"] = 3
		floor["worker"] = 4
		floor["routing"] = 5
		floor["admin"] = floor["daemon"] = 6
		floor["main.c"] = 7
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

exit "$status"
