# SPDX-License-Identifier: BSD-2-Clause
"""How far the goals of "make bench" are reached: mmproxy's medians against others'."""

OWN = "mmproxy (splice)"
RIVAL = "go-mmproxy"

# Against RIVAL: row, figure, the ratio to reach.
RIVAL_GOALS = [
    ("stream50", "gb_s", 1.25), ("stream50", "cpu_machine_gb", 0.85),
    ("stream50", "cpu_parts_gb", 0.85),
    ("pingpong50", "a_s", 1.4), ("pingpong50", "p99_us", 0.5), ("connect50", "a_s", 1.4),
    ("idle2000", "memory", 0.05),
    ("udp1000x64", "a_s", 2), ("udp1000x64", "cpu_machine_one", 0.5),
    ("udp1000x64", "cpu_proxy_one", 0.5), ("udp1000x1200", "a_s", 2),
    ("udp1000x1200", "cpu_machine_one", 0.5), ("udp1000x1200", "cpu_proxy_one", 0.5),
    ("udpdown10", "a_s", 5)]

# Against twice direct, for a proxy is one more way through the kernel.
DIRECT_GOALS = [("stream50", "cpu_machine_gb", 1.1), ("stream50", "cpu_parts_gb", 1.1),
                ("udp1000x64", "cpu_machine_one", 1.25), ("udp1000x64", "cpu_parts_one", 1.25)]

# Against the best peer of each figure: every row of bulk, and some others.
BULK_MODES = ("stream", "download", "upload")
BULK_GOALS = [("gb_s", 1), ("cpu_machine_gb", 0.97)]
PEER_GOALS = [("tcpkali50", "gbit_s", 1.2)]

# Against nginx, which keeps little in its buffers.
NGINX = "nginx stream"
NGINX_GOALS = [("slow1", "p99_ms", 1)]

# Of latency beside bulk, which is a ratio to latency alone.
BESIDE_GOALS = [("beside1", "p99_times", 3), ("beside1half", "p99_times", 3)]


class Goal:
    def __init__(self, title, whom, measured, aim, more_is_better):
        self.title, self.whom, self.measured, self.aim = title, whom, measured, aim
        self.more_is_better = more_is_better

    def reached(self):
        return self.measured >= self.aim if self.more_is_better else self.measured <= self.aim


def wanted(rows):
    """(whom it is against, row's key, figure's key, ratio) of each goal."""
    for whom, goals in ((RIVAL, RIVAL_GOALS), ("twice direct", DIRECT_GOALS),
                        ("the best peer", PEER_GOALS), (NGINX, NGINX_GOALS),
                        ("alone", BESIDE_GOALS)):
        for key, figure, aim in goals:
            yield whom, key, figure, aim
    for row in rows.values():
        if row.mode in BULK_MODES:
            for figure, aim in BULK_GOALS:
                yield "the best peer", row.key, figure, aim


def look(outcome, rows):
    """The Goals of what was measured. outcome is report.py's, rows are those that were chosen."""
    rows = {row.key: row for row in rows}
    for whom, key, figure_key, aim in wanted(rows):
        if key not in rows:
            continue
        row = rows[key]
        figure = next(one for one in row.figures if one.key == figure_key)
        own = outcome.median(key, OWN, figure_key)
        if whom == "the best peer":
            other = outcome.best_peer(row, figure)
        elif whom == "twice direct":
            other = outcome.median(key, "direct", figure_key)
            other = other and 2 * other
        elif whom == "alone":
            other = 1  # the figure is a ratio already
        else:
            other = outcome.median(key, whom, figure_key)
        if own is not None and other:
            yield Goal(f"{row.title}: {figure.title}", whom, own / other, aim,
                       figure.more_is_better)
