#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A little of "make bench": rows of each kind and network through mmproxy and past it, and stand-ins for
# further peers, which check the flags that they are given. That it works, not how fast.
#
# MMPROXY: the daemon (./src/mmproxy). top_builddir: where load and backend were built.
set -euo pipefail

top=$(readlink -f "${top_srcdir:-$(dirname "$0")/../..}")
build=$(readlink -f "${top_builddir:-.}")
mmproxy=$(readlink -f "${MMPROXY:-./src/mmproxy}")
for tool in python3 unshare nsenter ip; do
	PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# bench ARGUMENT...: what make bench runs; its output is in the file log.
bench()
{
	local status=0

	"$top/tests/bench/run" --build "$build" --mmproxy "$mmproxy" --quick --threads 1 --load-threads 1 \
		--json "$work/bench.json" --svg "$work/bench.svg" --svg-rows "$work/rows.svg" "$@" \
		>"$work/log" 2>&1 || status=$?
	if [ "$status" = 77 ]; then
		cat "$work/log"
		exit 77
	fi
	return "$status"
}

# refused WORDS ARGUMENT...
refused()
{
	local words=$1 status=0

	shift
	bench "$@" || status=$?
	[ "$status" = 2 ] || fail "run $* ended with $status"
	grep -q -F -e "$words" "$work/log" || fail "run $* does not say '$words'"
}

# measured COUNT: so many runs, of which none failed, and what else Python says of {row: {contestant: runs}}.
measured()
{
	python3 - "$work/bench.json" "$@" <<-'PYTHON' || { cat "$work/log" && exit 1; }
		import json, sys
		with open(sys.argv[1], encoding="utf-8") as file:
		    content = json.load(file)
		rows = {row["key"]: row["contestants"] for row in content["rows"]}
		results = [result for row in rows.values() for result in row.values()]
		failures = [result["failures"] for result in results if result["failures"]]
		assert not failures, failures
		count = sum(len(result["runs"]) for result in results)
		assert count == int(sys.argv[2]), f"{count} runs of {list(rows)}"
		for condition in sys.argv[3:]:
		    assert eval(condition), f"{condition}: {content}"
	PYTHON
}

refused "there is no row bulk:download:0:1" --rows bulk1,bulk:download:0:1
refused "there is no network moon" --rows "bulk1@moon"

# Past any proxy: a slow reader, whose pace is bounded, and a stream that TCP itself paces.
bench --only direct --pace 20 --rows slow1,beside1half || { cat "$work/log" && fail "the bench ended with $?"; }
measured 2 'rows["slow1"]["direct"]["median"]["standing_mb"] > 0' \
	'rows["slow1"]["direct"]["median"]["pace_mb_s"] < 25' \
	'rows["beside1half"]["direct"]["median"]["bulk_mb_s"] < 30'
grep -q '^| a slow reader, 1 connection' "$work/log" || fail "no table of the slow reader"

# Through mmproxy: each protocol and network. A delay takes sch_netem or TUN.
bench --only "mmproxy (splice)" --rows tcpkali50,bulk:upload:1024:2,udp1x64,bulk1@veth,bulk1@backend-veth,bulk1@delay ||
	{ cat "$work/log" && fail "the bench ended with $?"; }
count=6
if grep -q '^skipped: network delay: .*sch_netem' "$work/log"; then
	echo "skipped: a network with a delay: the kernel has neither sch_netem nor TUN"
	count=5
fi
measured "$count" 'rows["bulk:upload:1024:2"]["mmproxy (splice)"]["median"]["gb_s"] > 0' \
	'0 < rows["tcpkali50"]["mmproxy (splice)"]["median"]["gbit_s"]'
if "$mmproxy" -V | grep -q -x 'libbpf: yes'; then
	bench --only "mmproxy (kernel)" --rows udp1x64,udp100x64@veth ||
		{ cat "$work/log" && fail "the bench of the kernel's flows ended with $?"; }
	measured 2 'rows["udp100x64@veth"]["mmproxy (kernel)"]["median"]["a_s"] > 0'
else
	echo "skipped: mmproxy is built without libbpf, so rows of flows in the kernel are not measured"
fi
python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' "$work/rows.svg"

# Peers of a directory. The first two take mmproxy's place, since it knows their flags.
export MMPROXY_BENCH_PEERS=$work/peers
mkdir "$MMPROXY_BENCH_PEERS"
cat >"$MMPROXY_BENCH_PEERS/kzemek-go-mmproxy" <<END
#!/bin/sh
case "\$GOMAXPROCS \$*" in
"1 -p tcp -l 127.0.0.1:7000 -4 127.0.0.1:8000 -6 [::1]:8000 -v 0 -listeners 1") ;;
*) echo "go-mmproxy does not know: \$*" >&2 && exit 1 ;;
esac
exec "$mmproxy" "\$@"
END
cat >"$MMPROXY_BENCH_PEERS/mmproxy-rs" <<END
#!/bin/sh
case "\$TOKIO_WORKER_THREADS \$*" in
"1 -p tcp -l 127.0.0.1:7000 -4 127.0.0.1:8000 -6 [::1]:8000 --listeners 1") ;;
*) echo "mmproxy-rs does not know: \$*" >&2 && exit 1 ;;
esac
exec "$mmproxy" "\$@"
END
cat >"$MMPROXY_BENCH_PEERS/tcpkali" <<'END'
#!/bin/sh
case "$*" in
'-c 50 -T 1s -w 1 -e1 E -m PING\r\n 127.0.0.1:8000') echo 'Aggregate bandwidth: 900.000↓, 1000.000↑ Mbps' ;;
'-c 50 -T 1s -w 1 -e1 PROXY TCP4 198.19.0.'*' 192.0.2.1 200\{connection.uid} 443\r\nE -m PING\r\n 127.0.0.1:7000')
	echo 'Aggregate bandwidth: 850.500↓, 800.250↑ Mbps' ;;
*) echo "tcpkali does not know: $*" >&2 && exit 1 ;;
esac
END
chmod +x "$MMPROXY_BENCH_PEERS"/*
bench --only "direct,kzemek/go-mmproxy,mmproxy-rs" --rows tcpkali50tool ||
	{ cat "$work/log" && fail "the bench with peers ended with $?"; }
measured 3 'rows["tcpkali50tool"]["direct"]["median"]["gbit_s"] == 0.9' \
	'rows["tcpkali50tool"]["mmproxy-rs"]["median"]["gbit_s"] == 0.80025' \
	'rows["tcpkali50tool"]["kzemek/go-mmproxy"]["median"]["up_gbit_s"] == 0.80025'
# One whose flags are not understood has failed, and says so.
printf '#!/bin/sh\necho "no such flag" >&2\nexit 1\n' >"$MMPROXY_BENCH_PEERS/mmproxy-rs"
bench --only "mmproxy-rs" --rows tcpkali50tool || fail "a peer's failure is the bench's"
grep -q '^FAILED: mmproxy-rs, 1 of 1: .* no such flag' "$work/log" || { cat "$work/log" && fail "nobody said what failed"; }
