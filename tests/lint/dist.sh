#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# "make dist" makes the same bytes whoever makes it, needs no git, and leaves nothing out: once in this
# build, once from what that tarball holds, elsewhere and with other habits. top_builddir is a configured
# build.
set -euo pipefail

build=${top_builddir:?the directory of the build}
top=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
version=$(sed -n 's/^AC_INIT(\[mmproxy\], \[\([^]]*\)\].*/\1/p' "$top/configure.ac")
name=mmproxy-$version
status=0

complain()
{
	echo "$1"
	status=1
}

# make_dist BUILD [VARIABLE=VALUE...]: not as a part of the make that runs this test.
make_dist()
{
	local where=$1

	shift
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$@" make -C "$where" dist >"$work/log" 2>&1 ||
		{ cat "$work/log" && exit 1; }
}

# A tarball that is here already is somebody's.
was_there=no
if [ -e "$build/$name.tar.xz" ]; then
	was_there=yes
fi
make_dist "$build"
cp "$build/$name.tar.xz" "$work/here.tar.xz"
if [ "$was_there" = no ]; then
	rm "$build/$name.tar.xz"
fi

# Nothing of git's, other permissions and times, another order of files, another time zone and language.
mkdir "$work/there" "$work/build"
tar -C "$work/there" --touch -xJf "$work/here.tar.xz"
chmod -R u+w "$work/there"
# Configured as this build, since only the list of files matters; and nobody asks for autoreconf.
(cd "$work/build" && umask 077 && "$work/there/$name/configure" --without-libcap-ng --without-libnl \
	--without-libnftables >"$work/log" 2>&1) || { cat "$work/log" && exit 1; }
chmod -R go-rwx "$work/there"
(umask 077 && make_dist "$work/build" TZ=Pacific/Auckland LC_ALL=C XZ_OPT=-1 TAR_OPTIONS= AUTOCONF=false \
	AUTOMAKE=false ACLOCAL=false AUTOHEADER=false)
if ! cmp "$work/here.tar.xz" "$work/build/$name.tar.xz"; then
	complain "two tarballs differ"
	diff <(tar -tvJf "$work/here.tar.xz") <(tar -tvJf "$work/build/$name.tar.xz") | sed -n 1,20p || true
fi

tar -tJf "$work/here.tar.xz" | sed -n "s,^$name/\(.*[^/]\)$,\1,p" | sort >"$work/files"
for file in configure Makefile.in config.h.in man/mmproxy.8 man/mmproxy.conf.5 COPYING NEWS README.md; do
	grep -q -x -F "$file" "$work/files" || complain "$file is missing"
done
# In a checkout everything that git knows is meant, but for what is for git itself.
if [ -e "$top/.git" ] && command -v git >/dev/null; then
	missing=$(git -c safe.directory='*' -C "$top" ls-files | grep -v '^\.gitignore$' | sort | comm -23 - "$work/files")
	[ -z "$missing" ] || complain "make dist leaves out $missing"
fi
exit "$status"
