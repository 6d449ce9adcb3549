#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The completions for bash and zsh know the flags that the program knows, and no others; what they
# offer as a value the program takes; and both shells complete with them.
# LIST_FLAGS is the program that tells flags from other words, MMPROXY the daemon.
set -euo pipefail

list_flags=${LIST_FLAGS:?the path of list_flags}
top=$(cd "$(dirname "$0")/../.." && pwd)
completions=$top/contrib/completions
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# Words that may be flags: what is in quotes anywhere in the program, every word of its help and of
# its manual page, and every letter and digit. The program says which of them are.
{
	find "$top/src" -name '*.c' -exec grep -h -o -E '"[[:alnum:]-]+' {} +
	"$MMPROXY" --help
	cat "$top/man/mmproxy.8"
	printf '%s\n' {a..z} {A..Z} {0..9}
} | grep -o -E '[[:alnum:]][[:alnum:]-]*' | sort -u | "$list_flags" >"$work/known"
[ -s "$work/known" ] || complain "$list_flags knows no flag"

# --- bash: what its function replies -------------------------------------------------------------

# It runs outside of a completion here, and says by this whether it wants names of files.
# shellcheck disable=SC2317
compopt()
{
	wants_files=1
}

# shellcheck source=../../contrib/completions/bash/mmproxy
. "$completions/bash/mmproxy"

# bash_offers WORD...: what is offered for the last word, one a line; FILES for names of files.
bash_offers()
{
	COMP_WORDS=(mmproxy "$@")
	COMP_CWORD=$#
	wants_files=0
	_mmproxy
	if [ "$wants_files" = 1 ]; then
		COMPREPLY=(FILES)
	fi
	printf '%s\n' "${COMPREPLY[@]+"${COMPREPLY[@]}"}"
}

{
	bash_offers ''
	bash_offers --
	bash_offers -
} | sed 's/^--\?//' | grep . | sort -u >"$work/bash"

# --- zsh: the first column of its table, with "=" where a value is taken -----------------------------

sed -n "s/^  '\([^|]*\)|.*/\1/p" "$completions/zsh/_mmproxy" | while read -r names; do
	takes=alone
	[[ $names != *= ]] || takes=value
	for name in ${names%=}; do
		printf '%s\t%s\n' "$name" "$takes"
	done
done | sort -u >"$work/zsh"

# --- Both have the same flags as the program -------------------------------------------------------

# has NAME: whether it is in the first column of standard input.
has()
{
	awk -F '\t' -v name="$1" '$1 "" == name { found = 1 } END { exit !found }'
}

while IFS=$'\t' read -r name takes; do
	dashes=--
	if [ "${#name}" = 1 ]; then
		dashes=-
	fi
	grep -q -x -F -e "$name" "$work/bash" ||
		complain "contrib/completions/bash/mmproxy: $dashes$name is missing"
	has "$name" <"$work/zsh" || {
		complain "contrib/completions/zsh/_mmproxy: $dashes$name is missing"
		continue
	}
	[ "$takes" != other ] || continue
	grep -q -x -F -e "$name"$'\t'"$takes" "$work/zsh" ||
		complain "contrib/completions/zsh/_mmproxy: $dashes$name is wrong about a value: $takes"
	# Behind a flag that takes a value no other flag is offered, and behind others some is.
	after=alone
	if [[ $(bash_offers "$dashes$name" '') != -* ]]; then
		after=value
	fi
	[ "$after" = "$takes" ] ||
		complain "contrib/completions/bash/mmproxy: $dashes$name is wrong about a value: $takes"
done <"$work/known"
for shell in bash zsh; do
	while read -r name; do
		has "$name" <"$work/known" ||
			complain "the completion for $shell offers -$name, which the program does not know"
	done < <(cut -f 1 "$work/$shell")
done

# --- What is offered where, in bash ----------------------------------------------------------------

# offers EXPECTED WORD...: the replies to the last word, in this order.
offers()
{
	local expected=$1 got

	shift
	got=$(bash_offers "$@" | paste -s -d ' ')
	[ "$got" = "$expected" ] || complain "bash, mmproxy $*: offers \"$got\", not \"$expected\""
}

offers 'tcp udp' -p ''
offers 'udp' --p u
offers 'tcp udp' -p =
offers 'udp' -p = u
offers '-p=tcp -p=udp' -p=
offers '0 1 2' -v ''
offers 'true false' -dynamic-destination =
offers 'true' -dynamic-destination = t
offers '' -l ''
offers '' -l 0.0.0.0 :
offers '' -l 0.0.0.0 : 25
offers '' -unknown = ''
offers '' x
offers FILES -c ''
offers FILES -c = f
offers FILES --config f
offers FILES --decode ''
offers '' --decode f ''
offers FILES -c=f
offers FILES -a ''
offers FILES -allowed-networks f
offers FILES --allowed-subnets = f
offers '-dry-run -decode -deny -dynamic-destination -do-not-sandbox' -d
offers '--dry-run --decode --deny --dynamic-destination --do-not-sandbox' --d
offers '' --deny ''
offers '--for' --deny 192.0.2.1 --f
offers '' --kick 192.0.2.1 --status
offers '--sessions' --status --se
offers '--status --sessions --watch --json' -c f --status ''
offers '--check-routing' -c f --ch
offers '--json' --check-routing --j
offers '--dynamic-destination' -p tcp --dy
offers '-t --test --show-config --check-routing --setup-routing --clear-routing --dry-run -V --version -h --help --status --sessions --watch --json --deny --allow --kick --for' -c f ''
offers '--status --sessions --watch --json -c --config' --status ''
offers '--show-config' -c f -t --sh
offers '--config' -t --con
offers '' -p tcp --con
offers '--listen-transparent --listen --listeners' -t --liste

# The program takes each value that is offered, and a dozen flags at once.
for word in tcp udp; do
	"$MMPROXY" -p "$word" --show-config >/dev/null || complain "-p $word is refused"
done
for word in 0 1 2; do
	"$MMPROXY" -v "$word" --show-config >/dev/null || complain "-v $word is refused"
done
for word in true false; do
	"$MMPROXY" -listen-transparent="$word" --show-config >/dev/null ||
		complain "-listen-transparent=$word is refused"
done

# --- At the prompts of both shells -------------------------------------------------------------------

mkdir "$work/home" "$work/files"
touch "$work/files/my list" "$work/files/proxy.conf"
got="got() { printf got; printf ':%s' \"\$@\"; printf ':end\\n'; }; mmproxy() { got \"\$@\"; }"
cat >"$work/home/.bashrc" <<-EOF
	PS1='ready> '
	unset HISTFILE
	$got
	. "$completions/bash/mmproxy"
EOF
cat >"$work/home/.zshrc" <<-EOF
	PS1='ready> '
	unset HISTFILE
	fpath=("$completions/zsh" \$fpath)
	autoload -U compinit && compinit -D -u
	$got
EOF

# Each line, and what the shell makes of it.
cat >"$work/lines" <<-EOF
	mmproxy --sh<TAB>|--show-config
	mmproxy --check-routing --js<TAB>|--check-routing:--json
	mmproxy -dyn<TAB>|-dynamic-destination
	mmproxy --dyn<TAB>|--dynamic-destination
	mmproxy -p u<TAB>|-p:udp
	mmproxy -p=t<TAB>|-p=tcp
	mmproxy -c pro<TAB>|-c:proxy.conf
	mmproxy -c=pro<TAB>|-c=proxy.conf
	mmproxy -c pro<TAB> --show<TAB>|-c:proxy.conf:--show-config
	mmproxy -c proxy.conf --listen-<TAB>|-c:proxy.conf:--listen-
	mmproxy -a my<TAB> --dyn<TAB>|-a:my list:--dynamic-destination
	mmproxy --allowed-s<TAB> my<TAB>|--allowed-subnets:my list
EOF

# prompts NAME COMMAND...: type the lines into that shell.
prompts()
{
	local name=$1

	shift
	command -v "$name" >/dev/null || {
		echo "$name is not installed, so nothing was typed into it"
		return
	}
	(cd "$work/files" && cut -d '|' -f 1 "$work/lines" | HOME=$work/home ZDOTDIR=$work/home \
		"$top/tests/lint/completions.py" "$@" >"$work/typed") || complain "$name completes nothing"
	paste -d '|' <(cut -d '|' -f 1 "$work/lines") "$work/typed" |
		diff "$work/lines" - || complain "$name completes otherwise than it should"
}

if command -v python3 >/dev/null; then
	prompts bash bash --noprofile --rcfile "$work/home/.bashrc" -i
	prompts zsh zsh -d -i
fi
if command -v zsh >/dev/null; then
	zsh -n "$completions/zsh/_mmproxy" || complain "contrib/completions/zsh/_mmproxy: a mistake"
fi
bash -n "$completions/bash/mmproxy" || complain "contrib/completions/bash/mmproxy: a mistake"
exit "$status"
