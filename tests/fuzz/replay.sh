#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run the fuzz targets over their corpora.
set -eu

for name in decode proxy_datagram proxy_header; do
	"${top_builddir:-.}/tests/fuzz/fuzz_$name" "${top_srcdir:-.}/tests/fuzz/corpus/$name.hex"
done
