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

# Of what the kernel carries: against direct, and against RIVAL.
KERNEL = "mmproxy (kernel)"
KERNEL_DIRECT_GOALS = [("udp1000x64", "cpu_machine_one", 1.35),
                       ("udp1000x64@veth", "cpu_machine_one", 1.25)]
KERNEL_RIVAL_GOALS = [("udp100x64", "a_s", 3)]

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
    def __init__(self, own, title, whom, measured, aim, more_is_better):
        self.own, self.title, self.whom = own, title, whom
        self.measured, self.aim, self.more_is_better = measured, aim, more_is_better

    def reached(self):
        return self.measured >= self.aim if self.more_is_better else self.measured <= self.aim


def wanted(rows):
    """(whose, whom it is against, row's key, figure's key, ratio) of each goal."""
    for own, whom, goals in ((OWN, RIVAL, RIVAL_GOALS), (OWN, "twice direct", DIRECT_GOALS),
                             (OWN, "the best peer", PEER_GOALS), (OWN, NGINX, NGINX_GOALS),
                             (OWN, "alone", BESIDE_GOALS), (KERNEL, "direct", KERNEL_DIRECT_GOALS),
                             (KERNEL, RIVAL, KERNEL_RIVAL_GOALS)):
        for key, figure, aim in goals:
            yield own, whom, key, figure, aim
    for row in rows.values():
        if row.mode in BULK_MODES:
            for figure, aim in BULK_GOALS:
                yield OWN, "the best peer", row.key, figure, aim


def look(outcome, rows):
    """The Goals of what was measured. outcome is report.py's, rows are those that were chosen."""
    rows = {row.key: row for row in rows}
    for who, whom, key, figure_key, aim in wanted(rows):
        if key not in rows:
            continue
        row = rows[key]
        figure = next(one for one in row.figures if one.key == figure_key)
        own = outcome.median(key, who, figure_key)
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
            yield Goal(who, f"{row.title}: {figure.title}", whom, own / other, aim,
                       figure.more_is_better)
