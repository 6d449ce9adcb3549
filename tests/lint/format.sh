#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The C sources are formatted as .clang-format says. Versions of clang-format differ in details, so
# only the one that the tree is formatted with judges.
set -euo pipefail

version=14
command -v clang-format >/dev/null || {
	echo "skipped: clang-format is not installed"
	exit 77
}
clang-format --version | grep -q -E "version $version\." || {
	echo "skipped: not clang-format $version but $(clang-format --version)"
	exit 77
}
cd "$(dirname "$0")/../.."
find src tests -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
