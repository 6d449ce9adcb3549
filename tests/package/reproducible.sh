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

# At the depth of another directory, and as somebody whose files nobody else may read.
mkdir -p "$work/a/longer path"
(
	umask 077
	cd "$work/a/longer path"
	export TZ=Pacific/Auckland LC_ALL=C DEB_BUILD_OPTIONS=nocheck
	"$top/configure"
	make deb
) >"$work/log" 2>&1 || { tail -n 40 "$work/log" && exit 1; }

status=0
compared=0
for package in "$build"/deb/*.orig.tar.xz "$build"/deb/*.debian.tar.xz "$build"/mmproxy_*.deb; do
	compared=$((compared + 1))
	other=$work/a/longer\ path/${package#"$build/"}
	cmp "$package" "$other" || status=1
done
[ "$compared" = 3 ] || { status=1 && echo "$compared files to compare, not 3"; }
exit "$status"
