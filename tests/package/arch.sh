#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/arch/PKGBUILD makes a package with everything in it: as makepkg(8) does, in the same order.
#   tests/package/arch.sh BUILD    where "make deb" was run, whose tarball is taken
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?the directory of the build}" && pwd)
for tool in makepkg bsdtar; do
	command -v "$tool" >/dev/null || {
		echo "skipped: $tool is not installed"
		exit 77
	}
done
work=$(mktemp -d /tmp/mmproxy-arch.XXXXXX)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

for tarball in "$build"/deb/mmproxy_*.orig.tar.xz; do
	version=${tarball##*/mmproxy_}
	version=${version%.orig.tar.xz}
	cp "$tarball" "$work/mmproxy-$version.tar.xz"
done
cp "$top"/contrib/arch/* "$work/"
# It is the recipe that is tested, not the compiler.
sed 's/^CFLAGS=.*/CFLAGS="-g -O0"/; s/^LDFLAGS=.*//; s/^CPPFLAGS=.*//' /etc/makepkg.conf >"$work/makepkg.conf"
chmod -R a+rX "$work"
somebody=()
if [ "$(id -u)" = 0 ]; then
	# makepkg refuses root.
	chown -R 65534:65534 "$work"
	somebody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
fi
cd "$work"
# What it needs is not known to this host by Arch's names, and pacman is not asked.
HOME=$work PACMAN=true PKGEXT=.pkg.tar.xz "${somebody[@]}" makepkg --config "$work/makepkg.conf" --nodeps --nocheck --noconfirm \
	>"$work/log" 2>&1 </dev/null || { tail -n 40 "$work/log" && exit 1; }
package=$(echo "$work"/mmproxy-"$version"-1-*.pkg.tar.xz)
tar -tJf "$package" | sort >"$work/files"
for file in etc/mmproxy.conf etc/logrotate.d/mmproxy usr/bin/mmproxy usr/lib/systemd/system/mmproxy.service \
	usr/lib/sysusers.d/mmproxy.conf usr/lib/tmpfiles.d/mmproxy.conf usr/lib/mmproxy/upgrade-service \
	usr/share/mmproxy/fail2ban/action.d/mmproxy.conf usr/share/doc/mmproxy/examples/haproxy.conf \
	usr/share/man/man5/mmproxy.conf.5.gz usr/share/man/man8/mmproxy.8.gz usr/share/licenses/mmproxy/COPYING .INSTALL; do
	grep -q -x -F "$file" "$work/files" || complain "$file is missing"
done
# Whose places Arch has not.
! grep -E '^usr/(sbin|libexec)/' "$work/files" || complain "Arch has no such places"
mkdir "$work/unpacked"
tar -C "$work/unpacked" -xJf "$package"
kept=$(sed -n 's/^backup = //p' "$work/unpacked/.PKGINFO" | sort | tr '\n' ' ')
[ "$kept" = "etc/logrotate.d/mmproxy etc/mmproxy.conf " ] || complain "an upgrade keeps $kept"
! grep -q 'contains reference' "$work/log" || complain "$(grep 'contains reference' "$work/log")"
[ "$("$work/unpacked/usr/bin/mmproxy" -V | sed -n 1p)" = "mmproxy $version" ] || complain "the program is of another version"
grep -q '^ExecStart=/usr/bin/mmproxy ' "$work/unpacked/usr/lib/systemd/system/mmproxy.service" ||
	complain "the unit has another program"
# Arch's systemd is newer than 253.
grep -q -x 'Type=notify-reload' "$work/unpacked/usr/lib/systemd/system/mmproxy.service" ||
	complain "systemctl reload does not wait"
exit "$status"
