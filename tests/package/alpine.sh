#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/alpine/APKBUILD is a recipe whose steps work, one after the other as abuild takes them.
#   tests/package/alpine.sh BUILD    where "make deb" was run, whose tarball is taken
#
# Debian has neither abuild nor musl's libraries, so it is this shell that runs the steps, and with
# glibc; tests/package/musl.sh is for the rest.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?the directory of the build}" && pwd)
if [ "$(id -u)" != 0 ]; then
	echo "skipped: only root may give a directory away, as the recipe does"
	exit 77
fi
work=$(mktemp -d /tmp/mmproxy-alpine.XXXXXX)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

mkdir "$work/src" "$work/pkg"
for tarball in "$build"/deb/mmproxy_*.orig.tar.xz; do
	version=${tarball##*/mmproxy_}
	version=${version%.orig.tar.xz}
	tar -C "$work/src" -xJf "$tarball"
done
cp "$top"/contrib/alpine/mmproxy.* "$work/src/"

# Alpine's shells are POSIX shells, and the first words of the runner are no interpreter here.
for script in APKBUILD mmproxy.initd mmproxy.confd mmproxy.pre-install; do
	dash -n "$top/contrib/alpine/$script" || status=1
done
# Every file that the recipe names is there.
# shellcheck disable=SC2154
(
	# shellcheck source=/dev/null
	. "$top/contrib/alpine/APKBUILD"
	[ "$pkgver" = "$version" ] || complain "the recipe is of $pkgver"
	for name in $source $install; do
		[ -e "$top/contrib/alpine/$name" ] || [ "$name" = "mmproxy-$version.tar.xz" ] || complain "$name is missing"
	done
	for key in pkgname pkgver pkgrel pkgdesc arch license makedepends; do
		[ -n "${!key}" ] || complain "$key is missing"
	done
	exit "$status"
) || status=1

# A user of that name, for this test alone.
sed -e '$a mmproxy:x:64999:64999::/:/bin/false' /etc/passwd >"$work/passwd"
sed -e '$a mmproxy:x:64999:' /etc/group >"$work/group"
# The words are for the inner shell.
# shellcheck disable=SC2016
unshare --mount sh -eu -c '
	mount --bind "$1/passwd" /etc/passwd
	mount --bind "$1/group" /etc/group
	export CBUILD=$2 CHOST=$2 srcdir=$1/src pkgdir=$1/pkg CFLAGS="-g -O0"
	. "$3/contrib/alpine/APKBUILD"
	# As abuild has it unless a recipe says otherwise.
	builddir=$srcdir/$pkgname-$pkgver
	for step in build package; do
		cd "$builddir"
		"$step"
	done
' alpine.sh "$work" "$(gcc -dumpmachine)" "$top" >"$work/log" 2>&1 || { tail -n 40 "$work/log" && exit 1; }
for file in etc/mmproxy.conf etc/init.d/mmproxy etc/conf.d/mmproxy usr/sbin/mmproxy \
	usr/share/man/man5/mmproxy.conf.5 usr/share/man/man8/mmproxy.8 usr/share/doc/mmproxy/examples/haproxy.conf; do
	[ -e "$work/pkg/$file" ] || complain "$file is missing"
done
[ "$(stat -c %u:%a "$work/pkg/var/log/mmproxy")" = 64999:750 ] || complain "the directory of logs is another's"
[ -z "$(find "$work/pkg" -path '*/systemd/*' -o -name sysusers.d)" ] || complain "Alpine has no systemd"
[ "$("$work/pkg/usr/sbin/mmproxy" -V | sed -n 1p)" = "mmproxy $version" ] || complain "the program is of another version"
exit "$status"
