#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every key of the option table is in the manual page and in the sample file, with the same default,
# and the manual page says which keys are for one protocol only.
# LIST_KEYS is the program that prints the table, top_srcdir the directory of the sources.
set -euo pipefail

table=${LIST_KEYS:?the path of list_keys}
root=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# In the manual page, ".\" scope: NAME" says whose keys follow, ".It Ic KEY" names a key (or a group,
# with a brace), ".Pq PROTOCOL only ;" the one protocol whose listeners may have it, if there is one,
# "needs a restart ;" that a reload does not change it, and "default Cm VALUE" its default.
awk '
	/^\.\\" scope: / { scope = $3 }
	/^\.It Ic / && !/ = \{/ { key = $3; print scope "\t" key "\t-" }
	/^\.Pq (TCP|UDP) only ;/ { print scope "\t" key "\tonly " $2 }
	/^\.Pq .*needs a restart ;/ { print scope "\t" key "\trestart" }
	/ default Cm / {
		sub(/.* default Cm /, "")
		gsub(/"/, "")
		print scope "\t" key "\t" $0
	}' "$root/man/mmproxy.conf.5" >"$work/man"

# In the sample, "KEY = VALUE;" and "# KEY = VALUE;" stand alone on their lines.
awk '
	/^[ \t]*#?[ \t]*(log|admin|routing|targets|health) = \{$/ {
		group = $0
		gsub(/[^a-z]/, "", group)
		next
	}
	/^listeners = \($/ { base = "listener" }
	/^[ \t]*#?[ \t]*\};?$/ { group = "" }
	/^[ \t]*#?[ \t]*[a-z0-9_]+ = .*;$/ {
		gsub(/^[ \t#]+|;$|"/, "")
		key = $1
		sub(/^[a-z0-9_]+ = /, "")
		scope = group != "" ? group : base != "" ? base : "top"
		print scope "\t" key "\t" $0
	}' "$root/etc/mmproxy.conf" >"$work/sample"

# has FILE SCOPE KEY [VALUE]: whether FILE has the key, with this value if one is given.
has()
{
	awk -F '\t' -v scope="$2" -v key="$3" -v any="$((1 - ($# > 3)))" -v value="${4-}" \
		'$1 == scope && $2 == key && (any || $3 == value) { found = 1 } END { exit !found }' \
		"$work/$1"
}

# claims_default SCOPE KEY: whether the manual page names a default for the key.
claims_default()
{
	awk -F '\t' -v scope="$1" -v key="$2" \
		'$1 == scope && $2 == key && $3 != "-" && $3 !~ /^(only .*|restart)$/ { found = 1 }
		END { exit !found }' "$work/man"
}

complain()
{
	echo "$1"
	status=1
}

"$table" >"$work/table"
[ -s "$work/table" ] || complain "$table prints no key"
while IFS=$'\t' read -r scope key state default readers change; do
	if ! has man "$scope" "$key"; then
		complain "man/mmproxy.conf.5: no \".It Ic $key\" for the $state key $scope.$key"
	elif [ "$default" != - ] && ! has man "$scope" "$key" "$default"; then
		complain "man/mmproxy.conf.5: the default of $scope.$key is not $default"
	elif [ "$default" = - ] && claims_default "$scope" "$key"; then
		complain "man/mmproxy.conf.5: $scope.$key has no default in the table"
	fi
	for protocol in TCP UDP; do
		if [ "$readers" = "$protocol" ] && ! has man "$scope" "$key" "only $protocol"; then
			complain "man/mmproxy.conf.5: $scope.$key is not said to be for $protocol only"
		elif [ "$readers" != "$protocol" ] && has man "$scope" "$key" "only $protocol"; then
			complain "man/mmproxy.conf.5: $scope.$key is not for $protocol only"
		fi
	done
	if [ "$change" = restart ] && ! has man "$scope" "$key" restart; then
		complain "man/mmproxy.conf.5: $scope.$key is not said to need a restart"
	elif [ "$change" != restart ] && has man "$scope" "$key" restart; then
		complain "man/mmproxy.conf.5: $scope.$key needs no restart"
	fi
	if [ "$state" = planned ]; then
		! has sample "$scope" "$key" || complain "etc/mmproxy.conf: $scope.$key is not built"
	elif ! has sample "$scope" "$key"; then
		complain "etc/mmproxy.conf: $scope.$key is missing"
	elif [ "$default" != - ] && ! has sample "$scope" "$key" "$default"; then
		complain "etc/mmproxy.conf: no \"# $key = \" with the default of $scope.$key, $default"
	fi
done <"$work/table"

# And nothing is described that the table does not have.
for file in man sample; do
	while IFS=$'\t' read -r scope key _; do
		cut -f 1,2 "$work/table" | grep -q -x -F "$scope"$'\t'"$key" ||
			complain "$file: $scope.$key is no key of the table"
	done < <(sort -u "$work/$file")
done

exit "$status"
