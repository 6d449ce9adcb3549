#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every place names the same version, and contrib/release notices when one does not.
set -euo pipefail

top=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"$top/contrib/release" --check || status=1

# Where another version, or another date, has to be noticed, and how it gets there.
mistakes=(
	'configure.ac s/^\(AC_INIT(\[mmproxy\], \[\)[^]]*/\17.7.7/'
	'NEWS s/^[0-9][^ ]* (/7.7.7 (/'
	'NEWS s/^\([0-9][^ ]*\) (.*/\1 (some day)/'
	'NEWS s/^\([0-9][^ ]*\) (.*/\1 (2001-02-03)/'
	'contrib/debian/changelog 1s/(.*)/(7.7.7-1)/'
	'contrib/debian/changelog s/^ -- \(.*>\).*/ -- \1  Sat, 03 Feb 2001 00:00:00 +0000/'
	'contrib/rpm/mmproxy.spec s/^Version:.*/Version: 7.7.7/'
	'contrib/rpm/mmproxy.spec s/ - [0-9.]*-1$/ - 7.7.7-1/'
	'contrib/arch/PKGBUILD s/^pkgver=.*/pkgver=7.7.7/'
	'contrib/alpine/APKBUILD s/^pkgver=.*/pkgver=7.7.7/'
)
for mistake in "${mistakes[@]}"; do
	file=${mistake%% *}
	rm -rf "$work/tree"
	mkdir -p "$work/tree/contrib"
	cp "$top/configure.ac" "$top/NEWS" "$work/tree/"
	cp -R "$top/contrib/release" "$top"/contrib/{debian,rpm,arch,alpine} "$work/tree/contrib/"
	chmod -R u+w "$work/tree"
	sed -i "${mistake#* }" "$work/tree/$file"
	if "$work/tree/contrib/release" --check >"$work/said" 2>&1 || ! grep -q '^release: ' "$work/said"; then
		echo "not noticed: $mistake"
		status=1
	fi
done
exit "$status"
