#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the relay does is promised for every engine: the tests of it again with the other one.
set -euo pipefail

export MMPROXY_TEST_RELAY=buffered
status=0
for name in abort close handoff header pressure relay slow_end timeouts; do
	code=0
	"${top_builddir:-.}/tests/net/check_net_$name" || code=$?
	# What cannot be run here is skipped, all of it.
	[ "$code" != 77 ] || exit 77
	[ "$code" = 0 ] || status=1
done
exit "$status"
