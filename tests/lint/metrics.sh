#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The table of metrics, mmproxy(8), the dashboard and the alerts have the same metrics, and promtool
# accepts the alerts and finds that they fire when they should.
# LIST_METRICS is the program that prints the table, top_srcdir the directory of the sources.
set -euo pipefail

list=${LIST_METRICS:?the path of list_metrics}
cd "${top_srcdir:-$(dirname "$0")/../..}"
page=man/mmproxy.8
dashboard=contrib/grafana/mmproxy.json
alerts=contrib/prometheus/alerts.yml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain()
{
	echo "$1"
	status=1
}

"$list" >"$work/table"
[ "$(wc -l <"$work/table")" -gt 10 ] || complain "$list prints no metrics"
cut -f 1 "$work/table" | sort >"$work/names"
[ -z "$(uniq -d "$work/names")" ] || complain "twice in the table: $(uniq -d "$work/names")"

# --- The table itself ------------------------------------------------------------------------------

while IFS=$'\t' read -r name type help; do
	[[ $name =~ ^mmproxy_[a-z_]+$ ]] || complain "$name is no name of a metric"
	[[ $type =~ ^(counter|gauge|histogram)$ ]] || complain "$name: $type is no type"
	[[ $help =~ ^[^\\]+\.$ ]] || complain "$name: its text is no sentence: $help"
	case $type:$name in
	counter:*_total) ;;
	counter:* | *:*_total) complain "$name: a counter, and nothing else, ends with _total" ;;
	esac
done <"$work/table"

# What other programs were promised.
for name in build_info connections_total connections_active connections_closed_total bytes_total \
	header_errors_total backend_connect_seconds udp_flows_active udp_datagrams_total \
	udp_dropped_total reloads_total log_suppressed_total; do
	grep -q -x -F "mmproxy_$name" "$work/names" || complain "the table has no mmproxy_$name"
done

# --- The manual page: below .\" names: metric, name, type and the sentence -----------------------------

awk '
	/^\.\\" names: / { inside = $3 == "metric"; next }
	/^\.El/ { inside = 0 }
	inside && /^\.It Cm / { name = $3; next }
	inside && /^\.Pq / { type = $2; next }
	inside && name != "" && !/^\./ { print name "\t" type "\t" $0; name = "" }' "$page" >"$work/page"
diff "$work/table" "$work/page" >"$work/diff" ||
	complain "$page: its metrics are not those of the table: $(cat "$work/diff")"

# --- The dashboard and the alerts ------------------------------------------------------------------------

# names_in FILE: the metrics that it names, without what a histogram appends.
names_in()
{
	grep -ohE 'mmproxy_[a-z_]+' "$1" | sed -E 's/_(bucket|sum|count)$//' | sort -u
}

for file in "$dashboard" "$alerts"; do
	while read -r name; do
		complain "$file: there is no metric $name"
	done < <(comm -13 "$work/names" <(names_in "$file"))
	[ "$(names_in "$file" | wc -l)" -ge 5 ] || complain "$file names no metrics"
done

if command -v python3 >/dev/null; then
	python3 - "$dashboard" <<-'PYTHON' || complain "$dashboard is not what Grafana imports"
		import json, sys
		board = json.load(open(sys.argv[1]))
		ids = [p["id"] for p in board["panels"]]
		assert board["uid"] and board["title"] and board["schemaVersion"] >= 36
		assert board.get("id") is None, "an id is of one Grafana"
		assert len(ids) == len(set(ids)), "panels with one id"
		names = {v["name"] for v in board["templating"]["list"]}
		assert {"datasource", "job", "instance", "listener"} <= names
		taken = set()
		for panel in board["panels"]:
		    place = panel["gridPos"]
		    assert place["x"] + place["w"] <= 24, panel["title"]
		    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
		             for y in range(place["y"], place["y"] + place["h"])}
		    assert not cells & taken, "panels lie over each other: " + panel["title"]
		    taken |= cells
		    if panel["type"] == "row":
		        continue
		    assert panel["title"] and panel["description"], panel["id"]
		    assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
		    refs = [t["refId"] for t in panel["targets"]]
		    assert refs and len(refs) == len(set(refs)), panel["title"]
		    for target in panel["targets"]:
		        assert "mmproxy_" in target["expr"], target["expr"]
		        assert target["expr"].count("(") == target["expr"].count(")"), target["expr"]
	PYTHON
else
	echo "skipped: python3 is not installed, so nobody has read $dashboard"
fi

if command -v promtool >/dev/null; then
	promtool check rules "$alerts" >"$work/promtool" 2>&1 || complain "$(cat "$work/promtool")"
	# The expressions of the dashboard as rules, with its variables in their places.
	if command -v python3 >/dev/null; then
		python3 - "$dashboard" >"$work/expressions.yml" <<-'PYTHON'
			import json, sys
			print("groups:\n- name: dashboard\n  rules:")
			number = 0
			for panel in json.load(open(sys.argv[1]))["panels"]:
			    for target in panel.get("targets", []):
			        number += 1
			        expr = target["expr"].replace("$__rate_interval", "5m")
			        print(f"  - record: r{number}\n    expr: {json.dumps(expr)}")
		PYTHON
		promtool check rules "$work/expressions.yml" >"$work/promtool" 2>&1 ||
			complain "$dashboard: $(cat "$work/promtool")"
	fi
	(cd contrib/prometheus && promtool test rules alerts_test.yml) >"$work/promtool" 2>&1 ||
		complain "$(cat "$work/promtool")"
else
	echo "skipped: promtool is not installed, so nobody has tried $alerts"
fi

exit "$status"
