#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What "mmproxy -V" says: the version of configure.ac, and of each library that configure can leave out
# whether this program is linked with it.
set -euo pipefail

program=${MMPROXY:?the program}
top=${top_srcdir:-$(dirname "$0")/../..}
status=0

complain()
{
	echo "$1"
	status=1
}

said=$("$program" -V)
version=$(sed -n 's/^AC_INIT(\[mmproxy\], \[\([^]]*\)\].*/\1/p' "$top/configure.ac")
[ "$(sed -n 1p <<<"$said")" = "mmproxy $version" ] || complain "it does not begin with \"mmproxy $version\": $said"

mapfile -t libraries < <(sed -n 's/^MMPROXY_WITH_LIBRARY(\[\([^]]*\)\].*/\1/p' "$top/configure.ac")
# This one is not a library alone: m4/mmproxy.m4 looks for its tools as well.
if grep -q '^MMPROXY_WITH_LIBBPF$' "$top/configure.ac"; then
	libraries+=(libbpf)
fi
[ "${#libraries[@]}" -ge 4 ] || complain "only ${#libraries[@]} libraries were found in configure.ac"
[ "$(wc -l <<<"$said")" = "$((1 + ${#libraries[@]}))" ] || complain "not one line for each of ${libraries[*]}: $said"

# Neither a library's suffix, as of libnl-route-3.so, nor another one's name that begins alike.
command -v readelf >/dev/null || { echo "skipped: readelf is not installed" && exit 77; }
needed=$(readelf -d "$program")
for library in "${libraries[@]}"; do
	linked=no
	if grep -q -E "NEEDED.*\[$library(-route|-[0-9])*\.so" <<<"$needed"; then
		linked=yes
	fi
	grep -q -x "$library: $linked" <<<"$said" || complain "$library is linked: $linked, but: $said"
done
exit "$status"
