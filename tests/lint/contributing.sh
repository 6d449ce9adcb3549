#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What CONTRIBUTING.md and SECURITY.md name is there: files, keys of the configuration, flags of
# configure, stages of .ci/run and targets of make.
# LIST_KEYS is the program that prints the table of keys.
set -euo pipefail

table=${LIST_KEYS:?the path of list_keys}
cd "${top_srcdir:-$(dirname "$0")/../..}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# files PAGE: words that look like a path of this tree, in quotes, in commands and in links. What a
# build makes is there as its source.
files()
{
	grep -o -E '(^|[^A-Za-z0-9_./-])(src|tests|man|etc|contrib|\.ci)/[A-Za-z0-9_./-]+' "$1" |
		sed -E 's/^[^A-Za-z.]//; s/^[^A-Za-z.]//; s/[.,:;]+$//' | sort -u
}

# neighbours PAGE: programs of tests that are named without their directory.
neighbours()
{
	# The backquotes are those of Markdown.
	# shellcheck disable=SC2016
	grep -o -E '`check_[a-z0-9_]+\.c`' "$1" | tr -d '`' | sort -u
}

for page in CONTRIBUTING.md SECURITY.md; do
	files "$page" >"$work/files"
	while read -r file; do
		[ -e "$file" ] || [ -e "$file.c" ] || [ "${file%.log}" != "$file" ] ||
			complain "$page: there is no $file"
	done <"$work/files"
	while read -r name; do
		[ -e "tests/unit/$name" ] || [ -e "tests/net/$name" ] || complain "$page: there is no test $name"
	done < <(neighbours "$page")
	while read -r stage; do
		grep -q "^stage_$stage()" .ci/run || complain "$page: .ci/run has no stage $stage"
	done < <(grep -o -E '\.ci/run( [a-z0-9]+)+' "$page" | cut -d' ' -f2- | tr ' ' '\n')
	while read -r flag; do
		grep -q -E "AC_ARG_ENABLE\(\[?${flag#--enable-}\]?" configure.ac m4/mmproxy.m4 ||
			complain "$page: configure has no $flag"
	done < <(grep -o -E -e '--enable-[a-z]+' "$page" | sort -u)
done
[ "$(files CONTRIBUTING.md | wc -l)" -gt 30 ] || complain "CONTRIBUTING.md names hardly any file: it was misread"
[ "$(files SECURITY.md | wc -l)" -gt 3 ] || complain "SECURITY.md names hardly any file: it was misread"

# Keys in the first column of the table of options; other words in it are values or paths.
"$table" >"$work/keys"
# shellcheck disable=SC2016
awk '/^## / { p = /^## What each option opens/ } p && /^\|.*`/' SECURITY.md | cut -d'|' -f2 |
	grep -o '`[a-z][^`]*`' | tr -d '`' | sed 's/ = .*//' | grep -v / >"$work/options"
[ "$(wc -l <"$work/options")" -ge 12 ] || complain "SECURITY.md: the table of options was misread"
while read -r option; do
	scope='[a-z]*'
	if [[ $option == *.* ]]; then
		scope=${option%%.*}
	fi
	grep -q "^$scope	${option#*.}	" "$work/keys" || complain "SECURITY.md: there is no key $option"
done <"$work/options"
exit "$status"
