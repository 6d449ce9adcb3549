#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# "make check" says what it skipped and why: tests/driver, between two tests that leave something out.
set -euo pipefail

top=${top_srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
cd "$work"

# check NAME OUTPUT: what the driver prints for the test of this name.
check()
{
	local printed

	printed=$("$top/tests/driver" --test-name "$1" --log-file "$1.log" --trs-file "$1.trs" \
		--color-tests no --expect-failure no --enable-hard-errors yes -- "./$1") || status=$?
	[ "$printed" = "$2" ] || { status=1 && printf '%s printed:\n%s\n' "$1" "$printed"; }
}

printf '#!/bin/sh\necho "skipped: no moon"\necho "skipped: no moon"\nexit 77\n' >whole
printf '#!/bin/sh\necho "skipped: no stars"\necho done\n' >part
printf '#!/bin/sh\nexit 77\n' >mute
chmod +x whole part mute
check whole $'SKIP: whole\n  skipped: no moon'
check part $'PASS: part\n  skipped: no stars'
check mute $'SKIP: mute\n  skipped: mute.log does not say why'

exit "$status"
