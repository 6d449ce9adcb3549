#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# cppcheck over the program: cppcheck.sh [BUILD-DIRECTORY]
set -euo pipefail

build=$(cd "${1:-.}" && pwd)
cd "$(dirname "$0")/../.."
# Of the system's headers it is shown only the one whose macros are syntax.
queue=$(cc -M -x c - <<<'#include <sys/queue.h>' | grep -o '/[^ ]*/sys/queue\.h')
# Programs for the kernel are in a C of their own.
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$(nproc)" \
	--enable=warning,performance,portability \
	-D_GNU_SOURCE -DSYSCONFDIR='"/etc"' --include="$build/config.h" --include="$queue" -I src \
	-i src/fastpath/fastpath_udp.bpf.c src
