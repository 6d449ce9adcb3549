# SPDX-License-Identifier: BSD-2-Clause
# A C file with its first includes in the order of the house, a blank line between the groups: its own
# header, the system's, libraries', the project's and, in tests, those of the same folder. Behind any
# other line an include has a reason to be where it is. Run in the C locale: names sort by bytes.

function name_of(line)
{
	sub(/^#include [<"]/, "", line)
	sub(/[>"].*/, "", line)
	return line
}

function last_part(name)
{
	sub(/.*\//, "", name)
	return name
}

# Of a module "x.c" that is "x.h", of its test "check_x.c" as well; else the file shows which header it
# is about by giving it a group of its own before all others.
function is_own(line, place)
{
	if (line !~ /^#include "/ || FILENAME !~ /\.c$/)
		return 0
	return last_part(name_of(line)) == header || place == 1 && alone && !has_header
}

function group_of(line, place,    name)
{
	name = name_of(line)
	if (is_own(line, place))
		return 1
	if (line ~ /^#include </)
		return name ~ /^(check|libconfig|cap-ng|seccomp|uthash|utlist)\.h$|^(bpf|event2|netlink|systemd)\// ? 3 : 2
	return name ~ /\// || name == "config.h" ? 4 : 5
}

function print_group(number,    i, j, best, count, first)
{
	count = 0
	for (i = 1; i <= includes; i++)
		if (group[i] == number)
			picked[++count] = include[i]
	if (count > 0 && printed++ > 0)
		print ""
	for (i = 1; i <= count; i++) {
		best = i
		for (j = i + 1; j <= count; j++)
			if (name_of(picked[j]) < name_of(picked[best]))
				best = j
		first = picked[best]
		picked[best] = picked[i]
		picked[i] = first
		print first
	}
}

function print_includes(    i)
{
	for (i = 1; i <= includes; i++)
		if (last_part(name_of(include[i])) == header)
			has_header = 1
	for (i = 1; i <= includes; i++)
		group[i] = group_of(include[i], i)
	for (i = 1; i <= 5; i++)
		print_group(i)
}

BEGIN { state = "before" }

FNR == 1 {
	header = last_part(FILENAME)
	sub(/^check_/, "", header)
	sub(/c$/, "h", header)
}

state == "before" && /^#include / { state = "includes" }

state == "includes" && /^#include / {
	include[++includes] = $0
	blanks = 0
	next
}

state == "includes" && /^$/ {
	if (includes == 1)
		alone = 1
	blanks++
	next
}

state == "includes" {
	print_includes()
	for (; blanks > 0; blanks--)
		print ""
	state = "behind"
}

{ print }

END {
	if (state == "includes")
		print_includes()
}
