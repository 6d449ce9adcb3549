#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tests of a build on another kernel, in a virtual machine: run.sh KERNEL-IMAGE [TEST...]
#
# Runs in the build directory. The image is as a distribution's package has it, boot/vmlinuz-VERSION,
# with its modules in lib/modules or usr/lib/modules beside boot. Without a TEST these are the ones of
# UDP flows that the kernel carries. No file of this host is written to, and none is left behind.
#
# CK_TIMEOUT_MULTIPLIER: how much more patience tests have (4). CK_RUN_CASE and
# MMPROXY_FASTPATH_SOAK: as the tests have it.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
LIMIT_S=3000
MEMORY_MB=2048

skip()
{
	echo "skipped: $*"
	exit 77
}

[ $# -ge 1 ] || { sed -n 's/^# Tests of .*: \(run.sh .*\)/usage: \1/p' "$0" >&2 && exit 2; }
[ -x src/mmproxy ] || { echo "$PWD is no build directory: there is no src/mmproxy" >&2 && exit 2; }
for tool in qemu-system-x86_64 busybox depmod ip nft tc; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip "busybox needs libraries (Debian: busybox-static)"

image=$(readlink -f "$1")
version=${image##*/vmlinuz-}
shift
if [ $# -eq 0 ]; then
	set -- tests/net/check_fastpath_* tests/net/check_net_udp_kernel*
fi
work=$(mktemp -d)
machine=
trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null || true; rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{dev,proc,sys,tmp,run,etc,bin}

# take PROGRAM...: to the same place in the machine, with the libraries that it needs.
take()
{
	local program

	for program; do
		mapfile -t libraries < <(ldd "$program" 2>/dev/null | grep -o '/[^ ]*')
		cp -L --parents "$program" "${libraries[@]}" "$root"
	done
}

# take_modules FROM: the kernel's modules that have to do with networks, and what these need.
take_modules()
{
	local from=$1 to=$root/lib/modules/$version place

	mkdir -p "$to"
	cp "$from"/modules.* "$to"
	for place in net lib crypto arch/x86/crypto drivers/net/vxlan; do
		[ ! -d "$from/kernel/$place" ] || (cd "$from" && cp -r --parents "kernel/$place" "$to")
	done
	(cd "$from" && cp --parents kernel/drivers/net/*.ko* "$to")
	depmod -b "$root" "$version"
}

# The kernel calls this modprobe by itself for whatever the tests ask it for.
take "$(command -v busybox)" /bin/sh /sbin/modprobe "$PWD/src/mmproxy"
for tool in ip nft tc; do
	take "$(command -v "$tool")"
done
programs=()
for test; do
	case $test in
	*.[cho] | *.log | *.trs | *.Po) continue ;; # what stands beside the programs
	esac
	[ -x "$test" ] || { echo "$test is not built" >&2 && exit 2; }
	take "$PWD/$test"
	programs+=("$test")
done
for modules in "${image%/boot/*}"/{lib,usr/lib}/modules/"$version"; do
	[ ! -d "$modules/kernel" ] || { take_modules "$modules" && break; }
done
cp /etc/protocols "$root/etc"
printf '%s:x:%d:%d::/:/bin/sh\n' root 0 0 nobody 65534 65534 >"$root/etc/passwd"
printf '%s:x:%d:\n' root 0 nogroup 65534 >"$root/etc/group"

{
	printf 'PATH=/usr/sbin:/usr/bin:/sbin:/bin build=%q programs=%q\n' "$PWD" "${programs[*]}"
	printf 'export PATH MMPROXY=%q CK_TIMEOUT_MULTIPLIER=%q\n' "$PWD/src/mmproxy" \
		"${CK_TIMEOUT_MULTIPLIER:-4}"
	for name in CK_RUN_CASE MMPROXY_FASTPATH_SOAK; do
		[ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
	done
	printf '%q --install -s /bin 2>/dev/null\n' "$(command -v busybox)"
	cat <<'INIT'
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS1 2>&1
stty raw <&1
echo "Linux $(uname -r)"
cd "$build"
for program in $programs; do
	status=0
	start=$(cut -d . -f 1 /proc/uptime)
	"./$program" >/tmp/log 2>&1 </dev/null || status=$?
	took="$(($(cut -d . -f 1 /proc/uptime) - start)) s, $(grep -o 'Checks: .*' /tmp/log)"
	case $status in
	0) echo "PASS: $program ($took)" ;;
	77) echo "SKIP: $program" ;;
	*) echo "FAIL: $program ($took)" && sed 's/^/  /' /tmp/log ;;
	esac
	sed -n 's/^\(skipped: .*\)/  \1/p' /tmp/log | sort -u
done
echo "the end"
poweroff -f
INIT
} >"$root/script"
printf '#!/bin/sh\n. /script\n' >"$root/init"
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs"

# The kernel's messages have a console of their own, the tests' words the other one. A kernel that
# panics ends the machine.
timeout "$LIMIT_S" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m "$MEMORY_MB" -no-reboot \
	-nodefaults -nic none -display none -serial "file:$work/console" -serial stdio -kernel "$image" \
	-initrd "$work/initramfs" -append "console=ttyS0 quiet panic=-1" \
	</dev/null > >(tee "$work/results") 2>"$work/qemu" &
machine=$!
wait "$machine" || true
machine=
if ! grep -q '^the end' "$work/results"; then
	echo "FAILED: the machine did not come to its end; its console said at last:"
	tail -n 40 "$work/console" "$work/qemu"
	exit 1
fi
! grep -q '^FAIL: ' "$work/results"
