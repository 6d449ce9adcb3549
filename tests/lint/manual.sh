#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# mmproxy(8) has what users meet: every flag, every field and reason of the log, every error of a header
# and every cause of --check-routing with its sentence; and none that the code does not have.
# LIST_NAMES is the program that prints reasons, errors and causes, top_srcdir the directory of the sources.
set -euo pipefail

names=${LIST_NAMES:?the path of list_names}
cd "${top_srcdir:-$(dirname "$0")/../..}"
page=man/mmproxy.8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# In the page, ".\" names: KIND" says what the ".It Cm NAME" below are, up to the list's end; the first
# line of each text is its sentence.
awk '
	/^\.\\" names: / { kind = $3; next }
	/^\.El/ { kind = "" }
	kind != "" && /^\.It Cm / { name = $3; next }
	kind != "" && name != "" { print kind "\t" name "\t" $0; name = "" }' "$page" >"$work/page"
"$names" >"$work/code"
for kind in reason error cause; do
	for side in code page; do
		awk -F '\t' -v kind="$kind" '$1 == kind { print $2 }' "$work/$side" | sort >"$work/$side.$kind"
	done
	[ -s "$work/code.$kind" ] || complain "$names prints no $kind"
	while read -r name; do
		complain "$page: no \".It Cm $name\" for the $kind of this name"
	done < <(comm -23 "$work/code.$kind" "$work/page.$kind")
	while read -r name; do
		complain "$page: the code has no $kind of the name $name"
	done < <(comm -13 "$work/code.$kind" "$work/page.$kind")
done

# The sentences of errors and causes are the code's, as sentences of a text.
while IFS=$'\t' read -r kind name sentence; do
	if [ "$kind" != reason ] &&
		! grep -q -i -x -F "$kind"$'\t'"$name"$'\t'"$sentence." "$work/page"; then
		complain "$page: the sentence of $name is not \"$sentence.\""
	fi
done <"$work/code"

# Flags, from the tables of those who read them.
grep -ohE '\{"[A-Za-z0-9-]+", (FLAG|CLI)_' src/conf/conf_flags.c src/daemon/cli.c |
	cut -d'"' -f2 >"$work/flags"
[ "$(wc -l <"$work/flags")" -gt 20 ] || complain "the tables of flags were not found"
awk '/^\.It Fl / { for (i = 3; i <= NF; i++) { sub(/^-/, "", $i); print $i } }' "$page" >"$work/items"
while read -r flag; do
	grep -q -x -F -e "$flag" "$work/items" || complain "$page: no \".It Fl\" for the flag $flag"
done <"$work/flags"

# Fields, from the calls that write them.
grep -ohE '(log_line_[a-z0-9]+|put_shown)\(&?line, "[a-z_]+"' -r src | cut -d'"' -f2 | sort -u >"$work/fields"
[ "$(wc -l <"$work/fields")" -gt 10 ] || complain "the fields of the log were not found"
while read -r field; do
	grep -q -E "^\.(It )?Ic (.* )?$field( |$)" "$page" || complain "$page: no \".Ic\" for the field $field"
done <"$work/fields"

exit "$status"
