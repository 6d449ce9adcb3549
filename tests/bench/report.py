# SPDX-License-Identifier: BSD-2-Clause
"""What "make bench" tells: tables of medians, how far the goals are reached, JSON and a chart."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

OWN = "mmproxy (splice)"
RIVAL = "go-mmproxy"

# Against RIVAL: row, figure, the ratio to reach, as issue and README state them.
GOALS = [("stream50", "gb_s", 1.25), ("stream50", "cpu_machine_gb", 0.85),
         ("stream50", "cpu_parts_gb", 0.85),
         ("pingpong50", "a_s", 1.4), ("pingpong50", "p99_us", 0.5), ("connect50", "a_s", 1.4),
         ("idle2000", "memory", 0.05),
         ("udp1000x64", "a_s", 2), ("udp1000x64", "cpu_machine_one", 0.5),
         ("udp1000x64", "cpu_proxy_one", 0.5), ("udp1000x1200", "a_s", 2),
         ("udp1000x1200", "cpu_machine_one", 0.5), ("udp1000x1200", "cpu_proxy_one", 0.5),
         ("udpdown10", "a_s", 5)]

# Against twice direct, for a proxy is one more way through the kernel: row, figure, what it is
# called, the ratio to reach.
DIRECT_GOALS = [("stream50", "cpu_machine_gb", "stream both ways: CPU, machine", 1.1),
                ("stream50", "cpu_parts_gb", "stream both ways: CPU, processes", 1.1),
                ("udp1000x64", "cpu_machine_one", "UDP echo, 1,000 flows: CPU, machine", 1.25),
                ("udp1000x64", "cpu_parts_one", "UDP echo, 1,000 flows: CPU, processes", 1.25)]

# From this share of CPU time on that went to programs which had no part, the tables say so.
BUSY = 0.1

# The chart's panels: row, figure, title, and whether the scale is logarithmic.
PANELS = [("stream50", "gb_s", "stream both ways, 50 conn. (GB/s)", False),
          ("bulk10", "gb_s", "bulk one way, 10 conn. (GB/s)", False),
          ("pingpong50", "a_s", "ping-pong, 50 conn. (requests/s)", False),
          ("connect50", "a_s", "connection rate (conn./s)", False),
          ("stream50", "cpu_parts_gb", "stream: CPU-s a GB (less: better)", False),
          ("bulk10", "cpu_parts_gb", "bulk: CPU-s a GB (less: better)", False),
          ("pingpong50", "p99_us", "ping-pong: p99, µs (less: better)", False),
          ("idle2000", "memory", "bytes an idle conn. (log; less: better)", True),
          ("udp1000x64", "a_s", "UDP echo, 1,000 flows (datagrams/s)", False),
          ("udp1000x64", "cpu_parts_one", "UDP echo: CPU-µs a datagram (less: better)", False),
          ("udp1000x64", "p99_us", "UDP echo: p99, µs (less: better)", False),
          ("udpdown10", "gb_s", "UDP bulk from the backend (GB/s)", False)]

# The table in short: row, figure.
SUMMARY = [("stream50", "gb_s"), ("stream50", "cpu_machine_gb"),
           ("bulk10", "gb_s"), ("bulk10", "cpu_machine_gb"),
           ("pingpong1", "a_s"), ("pingpong1", "p99_us"),
           ("pingpong50", "a_s"), ("pingpong50", "p99_us"), ("pingpong50", "cpu_machine_one"),
           ("connect50", "a_s"), ("connect50", "p99_us"), ("connect50", "cpu_machine_one"),
           ("beside1", "p99_us"),
           ("idle2000", "memory"), ("idle2000", "descriptors"), ("idle9000", "memory"),
           ("udp1x64", "a_s"), ("udp100x64", "a_s"),
           ("udp1000x64", "a_s"), ("udp1000x64", "p99_us"), ("udp1000x64", "cpu_machine_one"),
           ("udp1000x1200", "a_s"), ("udp1000x1200", "cpu_machine_one"),
           ("udpdown10", "gb_s"), ("udpup10", "gb_s")]

COLORS = {"direct": "#9e9e9e", OWN: "#1b7837", "mmproxy (buffered)": "#a6dba0"}
PEER_COLOR = "#5e8cc4"


def progress(turn, row, contestant, result):
    """A line on standard error after each measurement."""
    said = ""
    if result["runs"]:
        last = result["runs"][-1]
        said = ", ".join(f"{figure.form.format(last[figure.key])} {figure.unit}"
                         for figure in row.figures[:3])
    if len(result["runs"]) + len(result["failures"]) <= turn or not result["runs"] or \
            result["failures"]:
        said += " " + "; ".join(f"FAILED: {reason}" for reason in result["failures"][-1:])
    print(f"round {turn + 1} {row.key:10} {contestant.name:18} {said}", file=sys.stderr, flush=True)


def machine():
    """What the figures were measured on; nothing that names the host."""
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_kb = int(file.readline().split()[1])
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        congestion_control = file.read().strip()
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "tcp_congestion_control": congestion_control,
            "memory_gb": round(memory_kb * 1024 / 1e9, 1)}


def print_table(lines):
    """A table of Markdown whose columns are as wide as their cells."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines)]
    for i, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("| " + " | ".join(cells) + " |")
        if i == 0:
            print("|" + "|".join(["-" * (widths[0] + 2)] +
                                 ["-" * (width + 1) + ":" for width in widths[1:]]) + "|")


class Outcome:
    def __init__(self, options, present, missing, versions, limit, results):
        self.options, self.present, self.missing = options, present, missing
        self.versions, self.limit, self.results = versions, limit, results
        self.machine = machine()

    def values(self, row_key, name, key):
        result = self.results.get((row_key, name), {"runs": []})
        return [run[key] for run in result["runs"]]

    def median(self, row_key, name, key):
        values = self.values(row_key, name, key)
        return statistics.median(values) if values else None

    def best_peer(self, row, figure):
        medians = [self.median(row.key, one.name, figure.key) for one in self.present if one.peer]
        medians = [median for median in medians if median is not None]
        if not medians:
            return None
        return max(medians) if figure.more_is_better else min(medians)

    def foreign(self):
        """The share of the CPU time that neither load generator nor backend nor proxy used."""
        shares = [1 - run["cpu_parts_" + unit] / run["cpu_machine_" + unit]
                  for result in self.results.values() for run in result["runs"]
                  for unit in ("gb", "one") if run.get("cpu_machine_" + unit)]
        return statistics.median(shares) if shares else 0

    # --- Tables -----------------------------------------------------------------------------------

    def print_tables(self):
        versions = [f"{name} {version}" for name, version in self.versions.items() if version]
        print(f"{self.machine['cpus']} CPUs ({self.machine['cpu']}), Linux "
              f"{self.machine['kernel']}, {self.machine['tcp_congestion_control']}; "
              f"{', '.join(versions)}.")
        print(f"Medians of {self.options.rounds} rounds of {self.options.seconds:g} s; PROXY "
              f"{self.options.header}; {self.options.threads} threads or processes each; at most "
              f"{self.limit} descriptors a process.")
        print("In parentheses: the ratio to direct, and to the best of the peers.")
        if self.foreign() > BUSY:
            print(f"THE MACHINE WAS BUSY: {self.foreign():.0%} of the CPU time went to other "
                  "programs, so only the CPU time of the processes holds.")
        for name in self.missing:
            print(f"Not installed: {name}.")
        for row in self.options.rows:
            self.print_row(row)
        self.print_summary()
        self.print_goals()

    def print_row(self, row):
        lines = [[row.title] + [f"{figure.title}, {figure.unit}" for figure in row.figures]]
        for contestant in self.present:
            if (row.key, contestant.name) in self.results:
                lines.append(self.row_line(row, contestant))
        print()
        print_table(lines)
        for contestant in self.present:
            failures = self.results.get((row.key, contestant.name), {"failures": []})["failures"]
            if failures:
                print(f"FAILED: {contestant.name}, {len(failures)} of {self.rounds_of(row)}: "
                      f"{failures[0]}")

    def rounds_of(self, row):
        return max(len(result["runs"]) + len(result["failures"])
                   for (key, _), result in self.results.items() if key == row.key)

    def row_line(self, row, contestant):
        result = self.results[(row.key, contestant.name)]
        line = [contestant.name + (" (!)" if result["failures"] else "")]
        for figure in row.figures:
            median = self.median(row.key, contestant.name, figure.key)
            if median is None:
                line.append("failed")
                continue
            others = [self.median(row.key, "direct", figure.key), self.best_peer(row, figure)]
            ratios = [f"{median / other:.2f}" if other else "-" for other in others]
            line.append(f"{figure.form.format(median)} ({', '.join(ratios)})")
        return line

    def print_summary(self):
        """All contestants side by side, as the README shows them."""
        rows = {row.key: row for row in self.options.rows}
        lines = [["median"] + [one.name for one in self.present]]
        for row_key, key in SUMMARY:
            if row_key not in rows:
                continue
            figure = next(one for one in rows[row_key].figures if one.key == key)
            medians = [self.median(row_key, one.name, key) for one in self.present]
            lines.append([f"{rows[row_key].title}: {figure.title}, {figure.unit}"] +
                         ["-" if one is None else figure.form.format(one) for one in medians])
        print()
        print_table(lines)

    def goals(self):
        """(title, ratio, whether more is better, aim, whether reached) of each goal measured."""
        rows = {row.key: row for row in self.options.rows}
        for key, figure_key, aim in GOALS:
            if key not in rows:
                continue
            figure = next(one for one in rows[key].figures if one.key == figure_key)
            own = self.median(key, OWN, figure_key)
            rival = self.median(key, RIVAL, figure_key)
            if own is None or not rival:
                continue
            reached = own / rival >= aim if figure.more_is_better else own / rival <= aim
            yield f"{rows[key].title}: {figure.title}", own / rival, figure.more_is_better, aim, \
                reached

    def print_goals(self):
        lines = [[f"{OWN} to {RIVAL}", "measured", "goal", "reached"]]
        for title, measured, more_is_better, aim, reached in self.goals():
            lines.append([title, f"{measured:.3f}", f"{'>=' if more_is_better else '<='} {aim:g}",
                          "yes" if reached else "NO"])
        for row, key, title, aim in DIRECT_GOALS:
            own, direct = (self.median(row, name, key) for name in (OWN, "direct"))
            if own and direct:
                measured = own / (2 * direct)
                lines.append([f"{title}, to twice direct", f"{measured:.3f}", f"<= {aim:g}",
                              "yes" if measured <= aim else "NO"])
        if len(lines) > 1:
            print()
            print_table(lines)

    # --- Files ------------------------------------------------------------------------------------

    def write_json(self, path):
        rows = []
        for row in self.options.rows:
            contestants = {}
            for contestant in self.present:
                result = self.results.get((row.key, contestant.name))
                if result:
                    keys = result["runs"][0] if result["runs"] else []
                    medians = {key: self.median(row.key, contestant.name, key) for key in keys}
                    contestants[contestant.name] = {"median": medians, **result}
            rows.append({"key": row.key, "title": row.title,
                         "units": {figure.key: figure.unit for figure in row.figures},
                         "contestants": contestants})
        content = {"machine": self.machine, "date": time.strftime("%Y-%m-%d", time.gmtime()),
                   "versions": {name: version for name, version in self.versions.items()
                                if version is not None},
                   "not_installed": self.missing,
                   "settings": {"rounds": self.options.rounds, "seconds": self.options.seconds,
                                "header": self.options.header, "threads": self.options.threads,
                                "load_threads": self.options.load_threads,
                                "descriptor_limit": self.limit},
                   "foreign_cpu_share": round(self.foreign(), 3),
                   "rows": rows}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
        print(f"\nEvery measurement: {path}")

    def write_chart(self, path):
        panels = [panel for panel in PANELS
                  if any(self.values(panel[0], one.name, panel[1]) for one in self.present)]
        if not panels:
            return
        if not shutil.which("gnuplot"):
            print("No chart: gnuplot is not installed (Debian: gnuplot-nox).")
            return
        script = self.chart_script(panels, path)
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True,
                              check=False)
        if done.returncode != 0:
            print(f"No chart: gnuplot says: {done.stderr.strip()}")
        else:
            print(f"Chart: {path}")

    def chart_script(self, panels, path):
        columns = min(4, len(panels))
        lines = ["set encoding utf8",
                 f"set terminal svg size {columns * 310},{-(-len(panels) // columns) * 340} "
                 "font 'sans-serif,11' background '#ffffff'",
                 f"set output '{path}'",
                 f"set multiplot layout {-(-len(panels) // columns)},{columns}",
                 "set style fill solid", "set boxwidth 0.7", "unset key", "set grid ytics",
                 "set border 3", "set tics nomirror", "set xtics rotate by -40",
                 "set bmargin 8", "set title font ',10'"]
        for number, panel in enumerate(panels):
            lines += self.panel_lines(number, *panel)
        lines.append("unset multiplot")
        return "\n".join(lines) + "\n"

    def panel_lines(self, number, row_key, key, title, logarithmic):
        """A bar of the median for each contestant, with a line from the least to the most."""
        data, most = [], 0
        for contestant in self.present:
            values = self.values(row_key, contestant.name, key)
            if not values:
                continue
            median = statistics.median(values)
            color = COLORS.get(contestant.name, PEER_COLOR)
            least, most = min(values), max(most, max(values))
            if logarithmic:
                median, least = max(median, 1), max(least, 1)
            data.append(f"{len(data)} \"{contestant.name}\" {median:.6g} {least:.6g} "
                        f"{max(values + [median]):.6g} {int(color[1:], 16)}")
        block = f"$panel{number}"
        scale = ["set logscale y", f"set yrange [1:{most * 2:.6g}]"] if logarithmic else \
                ["unset logscale y", f"set yrange [0:{most * 1.08 or 1:.6g}]"]
        return [f"{block} << EOD", *data, "EOD", *scale, f"set title \"{title}\"",
                f"set xrange [-0.6:{len(data) - 0.4}]",
                f"plot {block} using 1:3:6:xtic(2) with boxes linecolor rgb variable, "
                f"{block} using 1:3:4:5 with yerrorbars linecolor rgb '#333333' pointtype 0"]
