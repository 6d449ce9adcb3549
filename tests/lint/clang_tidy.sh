#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# clang-tidy over the program, with the checks of clang-tidy.yaml: clang_tidy.sh [BUILD-DIRECTORY]
# Takes minutes, so "make check" leaves it to .ci/run.
set -euo pipefail

build=$(cd "${1:-.}" && pwd)
cd "$(dirname "$0")/../.."
read -r -a libraries < <(pkg-config --cflags libevent_core libconfig libcap-ng libnl-route-3.0 libnftables libseccomp libbpf)
# Programs for the kernel are in a C of their own.
find src -name '*.c' ! -name '*.bpf.c' -print0 | sort -z |
	xargs -0 -P "$(nproc)" -I '{}' clang-tidy --quiet --warnings-as-errors='*' \
		--config-file=tests/lint/clang-tidy.yaml '{}' -- \
		-std=gnu11 -D_GNU_SOURCE -DSYSCONFDIR='"/etc"' -I "$build" -I src \
		-isystem "$build/src/fastpath" "${libraries[@]}" 2>&1 |
	sed -E '/^[0-9]+ warnings? generated/d'
