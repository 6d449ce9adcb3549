#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# "make install" and "make uninstall" leave the operator's configuration alone: a file that is there
# stays as it is, and one that was edited outlives the program. top_builddir is a configured build.
set -euo pipefail

build=${top_builddir:?the directory of the build}
top=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# make_to TARGET: in a place of its own, and not as a part of the make that runs this test.
make_to()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$build" DESTDIR="$work/root" "$1" \
		>"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
}

# files NAME: every file of that name that is installed, and with "*" every file.
files()
{
	find "$work/root" ! -type d -name "$1" | sort
}

make_to install
sample=$(files mmproxy.conf | grep /doc/) || complain "the sample is not installed"
config=$(files mmproxy.conf | grep -v -e /doc/ -e /fail2ban/ -e /sysusers.d/) || complain "a new host gets no mmproxy.conf"
[ "$status" = 0 ] || exit 1
cmp "$sample" "$top/etc/mmproxy.conf" || complain "the sample is not the one of the sources"
cmp "$config" "$sample" || complain "the first mmproxy.conf is not the sample"

make_to uninstall
[ -z "$(files '*')" ] || complain "uninstalling leaves behind: $(files '*')"

make_to install
echo "# edited" >"$config"
echo "# of an older version" >"$sample"
make_to install
[ "$(cat "$config")" = "# edited" ] || complain "installing overwrites an edited mmproxy.conf"
cmp "$sample" "$top/etc/mmproxy.conf" || complain "installing again leaves an old sample"
make_to uninstall
[ "$(files '*')" = "$config" ] || complain "uninstalling an edited mmproxy.conf leaves: $(files '*')"

# A link to nowhere is an operator's too: the file may be on a disk that is not mounted now.
ln -sf "$work/elsewhere" "$config"
make_to install
make_to uninstall
if [ ! -L "$config" ] || [ -e "$work/elsewhere" ]; then
	complain "a link in the place of mmproxy.conf is lost"
fi

exit "$status"
