#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two builds of the Debian package give the same bytes: that of BUILD, where "make deb" was run, and
# another one elsewhere, with other habits.
#   tests/package/reproducible.sh BUILD
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?the directory of the build}" && pwd)
work=$(mktemp -d /tmp/mmproxy-reproducible.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# show_difference ONE OTHER: which files are not the same in two packages or two tarballs.
show_difference()
{
	local list=(tar -tvJf)

	case $1 in
	*.deb) list=(dpkg-deb -c) ;;
	esac
	diff <("${list[@]}" "$1") <("${list[@]}" "$2") | sed -n 1,20p || true
	case $1 in
	*.deb) diff <(dpkg-deb -I "$1" md5sums) <(dpkg-deb -I "$2" md5sums) || true ;;
	esac
}

# At the depth of another directory, without a space, for which dpkg-buildflags leaves paths in; and as somebody whose files nobody else may read.
mkdir -p "$work/a/longer/path"
(
	umask 077
	cd "$work/a/longer/path"
	export TZ=Pacific/Auckland LC_ALL=C DEB_BUILD_OPTIONS=nocheck
	"$top/configure"
	make deb
) >"$work/log" 2>&1 || { tail -n 40 "$work/log" && exit 1; }

status=0
compared=0
for package in "$build"/deb/*.orig.tar.xz "$build"/deb/*.debian.tar.xz "$build"/mmproxy_*.deb; do
	compared=$((compared + 1))
	other=$work/a/longer/path/${package#"$build/"}
	cmp "$package" "$other" || { status=1 && show_difference "$package" "$other"; }
done
[ "$compared" = 3 ] || { status=1 && echo "$compared files to compare, not 3"; }
exit "$status"
