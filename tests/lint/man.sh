#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manual pages have neither mistakes nor doubtful places.
set -euo pipefail

command -v mandoc >/dev/null || {
	echo "skipped: mandoc is not installed"
	exit 77
}
cd "$(dirname "$0")/../../man"
mandoc -T lint -W warning ./*.[1-9]
