#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run the fuzz targets over their corpora.
set -eu

"${top_builddir:-.}/tests/fuzz/fuzz_proxy_header" \
	"${top_srcdir:-.}/tests/fuzz/corpus/proxy_header.hex"
