#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/rpm/mmproxy.spec makes a package with everything in it, whose configuration outlives upgrades.
#   tests/package/rpm.sh BUILD    where "make deb" was run, whose tarball is taken
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?the directory of the build}" && pwd)
command -v rpmbuild >/dev/null || {
	echo "skipped: rpmbuild is not installed"
	exit 77
}
work=$(mktemp -d /tmp/mmproxy-rpm.XXXXXX)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

mkdir -p "$work/SOURCES"
for tarball in "$build"/deb/mmproxy_*.orig.tar.xz; do
	version=${tarball##*/mmproxy_}
	version=${version%.orig.tar.xz}
	cp "$tarball" "$work/SOURCES/mmproxy-$version.tar.xz"
done
# This host's packages are none of rpm's, so it cannot look for what the build needs. It is the recipe
# that is tested, not the compiler.
rpmbuild -bb --nodeps --nocheck --define "_topdir $work" --define 'optflags -g -O0' --define 'debug_package %{nil}' \
	"$top/contrib/rpm/mmproxy.spec" >"$work/log" 2>&1 || { tail -n 40 "$work/log" && exit 1; }
package=$(echo "$work"/RPMS/*/mmproxy-"$version"-1*.rpm)
rpm -qlp "$package" >"$work/files"
for file in /etc/mmproxy.conf /etc/logrotate.d/mmproxy /usr/sbin/mmproxy /usr/lib/systemd/system/mmproxy.service \
	/usr/lib/sysusers.d/mmproxy.conf /usr/lib/tmpfiles.d/mmproxy.conf /usr/libexec/mmproxy/upgrade-service \
	/usr/share/mmproxy/fail2ban/action.d/mmproxy.conf /usr/share/doc/mmproxy/examples/haproxy.conf \
	/usr/share/licenses/mmproxy/COPYING; do
	grep -q -x -F "$file" "$work/files" || complain "$file is missing"
done
for page in man5/mmproxy.conf.5 man8/mmproxy.8; do
	grep -q "^/usr/share/man/$page" "$work/files" || complain "$page is missing"
done
kept=$(rpm -qp --queryformat '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$package" | awk '$2 ~ /c/ && $2 ~ /n/ { print $1 }')
[ "$kept" = $'/etc/logrotate.d/mmproxy\n/etc/mmproxy.conf' ] || complain "an upgrade keeps $kept"
! grep -q "$work" "$work/files" || complain "paths of the build are in the package"
rpm2archive - <"$package" | tar -C "$work" -xz
[ "$("$work/usr/sbin/mmproxy" -V | sed -n 1p)" = "mmproxy $version" ] || complain "the program is of another version"
grep -q upgrade-service <<<"$(rpm -qp --scripts "$package" 2>/dev/null)" || complain "an upgrade does not hand over"
exit "$status"
