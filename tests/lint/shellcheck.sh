#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every shell script passes shellcheck.
set -euo pipefail

command -v shellcheck >/dev/null || {
	echo "skipped: shellcheck is not installed"
	exit 77
}
cd "$(dirname "$0")/../.."
places=(contrib tests)
if [ -d .ci ]; then
	places+=(.ci)
fi
# By their first line; a part that others source says its shell there too.
mapfile -t scripts < <(find "${places[@]}" -type f -exec \
	grep -I -l -E -m 1 '^(#!/bin/(ba)?sh|# shellcheck shell=)' {} + | sort)
shellcheck -x -P SCRIPTDIR "${scripts[@]}"
