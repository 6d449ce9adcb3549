#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The sources compile against musl, the C library of Alpine.
#   tests/package/musl.sh BUILD
#
# Objects only. Debian has musl but none of the libraries for it, so nothing can be linked or run: their
# headers serve here as they are. -Wconversion is left out for the macros of musl's <sys/socket.h>.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?the directory of the build}" && pwd)
command -v musl-gcc >/dev/null || {
	echo "skipped: musl-gcc is not installed"
	exit 77
}
work=$(mktemp -d /tmp/mmproxy-musl.XXXXXX)
trap 'rm -rf "$work"' EXIT

# The kernel's headers and the libraries', without glibc's beside them.
mkdir -p "$work/include/sys"
machine=$(gcc -print-multiarch)
for header in asm-generic bpf cap-ng.h event2 libconfig.h libnl3 linux nftables seccomp.h seccomp-syscalls.h uthash.h; do
	if [ -e "/usr/include/$header" ]; then
		ln -s "/usr/include/$header" "$work/include/"
	fi
done
ln -s "/usr/include/$machine/asm" "$work/include/"
# musl leaves this one to Alpine's bsd-compat-headers, as contrib/alpine/APKBUILD has it.
ln -s "/usr/include/$machine/sys/queue.h" "$work/include/sys/"

# The programs for the kernel are a header that the build makes.
make -C "$build" src/fastpath/fastpath_udp.skel.h >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }

status=0
compiled=0
while read -r source; do
	musl-gcc -c -o "$work/object.o" -std=gnu11 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wvla \
		-Werror -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHAVE_CONFIG_H -DSYSCONFDIR='"/etc"' \
		-I"$build" -I"$top/src" -isystem "$build/src/fastpath" -isystem "$work/include" -isystem "$work/include/libnl3" "$source" || status=1
	compiled=$((compiled + 1))
done < <(find "$top/src" -name '*.c' ! -name '*_absent.c' ! -name '*.bpf.c')
echo "$compiled files"
[ "$compiled" -gt 100 ] || status=1
exit "$status"
