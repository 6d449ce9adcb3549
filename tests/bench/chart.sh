#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The charts of "make bench": the best comes first, mmproxy's bar has a colour of its own, values stand
# at the ends, and what the README shows is such a chart. No figure here was measured.
set -euo pipefail

top=$(readlink -f "${top_srcdir:-$(dirname "$0")/../..}")
command -v python3 >/dev/null || { echo "skipped: python3 is not installed" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

# draw OPTION...: the chart of content.json, and in the file texts what it says, a line each.
draw()
{
	python3 -B "$top/tests/bench/chart.py" "$@" "$work/content.json" "$work/chart.svg"
	python3 - "$work/chart.svg" >"$work/texts" <<-'PYTHON'
		import sys, xml.etree.ElementTree as tree
		for text in tree.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text"):
		    print(text.text)
	PYTHON
}

# in_order LINE...: the chart says these, one behind the other.
in_order()
{
	diff <(printf '%s\n' "$@") <(grep -x -F -f <(printf '%s\n' "$@") "$work/texts") >"$work/diff" ||
		complain "the chart does not say in this order: $* $(cat "$work/diff")"
}

cat >"$work/content.json" <<'END'
{"machine": {"cpu": "a <CPU> & more", "cpus": 2, "kernel": "6.1.0-x"},
 "settings": {"rounds": 3, "seconds": 2},
 "rows": [
  {"key": "bulk10", "title": "bulk", "figures": [
    {"key": "gb_s", "title": "throughput", "unit": "GB/s", "more_is_better": true}],
   "contestants": {"haproxy": {"median": {"gb_s": 1.5}}, "mmproxy (splice)": {"median": {"gb_s": 2.5}},
    "mmproxy (buffered)": {"median": {"gb_s": 1.75}}, "direct": {"median": {"gb_s": 12.25}},
    "failed": {"median": {}}}},
  {"key": "idle2000", "title": "idle", "figures": [
    {"key": "memory", "title": "memory", "unit": "bytes/connection", "more_is_better": false}],
   "contestants": {"haproxy": {"median": {"memory": 4000}}, "mmproxy (splice)": {"median": {"memory": 900.4}}}},
  {"key": "mine", "title": "a row of one's own", "figures": [
    {"key": "a_s", "title": "requests", "unit": "requests/s", "more_is_better": true}],
   "contestants": {"direct": {"median": {"a_s": 0}}}}]}
END

draw
in_order "10 downloads" "GB/s, more is better" "no proxy" 12.2 mmproxy 2.50 HAProxy 1.50 \
	"Memory of an idle connection" "bytes, less is better" mmproxy 900 HAProxy 4,000
grep -q -x -F 'Medians of 3 rounds of 2 s; load generator, proxy and server on 2 CPUs (a <CPU> & more), Linux 6.1' "$work/texts" ||
	complain "the chart does not say where it was measured"
grep -q -F buffered "$work/texts" && complain "the summary has a second mmproxy"
grep -q -F failed "$work/texts" && complain "who failed has a bar"
[ "$(grep -c 'fill="#1b7837"' "$work/chart.svg")" = 2 ] || complain "mmproxy's bars do not stand out"
# Twice as good is twice as long.
widths=$(sed -n 's/^<rect x="[0-9]*" y="[0-9]*" width="\([0-9]*\)".*/\1/p' "$work/chart.svg" | xargs)
read -r direct own haproxy _ <<<"$widths"
off=$((own * 49 - direct * 10))
if [ "${off#-}" -gt 49 ] || [ "$own" -le "$haproxy" ]; then
	complain "bars are not as long as their values: $widths"
fi
[ "$(wc -l <"$work/chart.svg")" -lt 60 ] || complain "the chart is longer than it has to be"

draw --all
in_order "Bulk" "mmproxy (buffered)" 1.75 "Idle" "A row of one's own" 0.00

echo '{"rows": []}' >"$work/content.json"
python3 -B "$top/tests/bench/chart.py" "$work/content.json" "$work/no.svg" 2>"$work/said" && complain "a chart was drawn of nothing"
grep -q 'has no row to draw' "$work/said" || complain "nobody said why there is no chart: $(cat "$work/said")"

# What the README shows came from there as well.
[ "$(grep -c 'fill="#1b7837"' "$top/doc/bench.svg")" -ge 4 ] || complain "doc/bench.svg is no chart of chart.py"
exit "$status"
