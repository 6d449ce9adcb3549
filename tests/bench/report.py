# SPDX-License-Identifier: BSD-2-Clause
"""What "make bench" tells: tables of medians, how far the goals are reached, JSON and charts."""

import json
import os
import platform
import statistics
import sys
import time

import chart
import goals

# From this share of CPU time on that went to programs which had no part, the tables say so.
BUSY = 0.1

# The table in short: row, figure.
SUMMARY = [("stream50", "gb_s"), ("stream50", "cpu_machine_gb"),
           ("bulk10", "gb_s"), ("bulk10", "cpu_machine_gb"), ("tcpkali50", "gbit_s"),
           ("slow1", "p99_ms"),
           ("pingpong1", "a_s"), ("pingpong1", "p99_us"),
           ("pingpong50", "a_s"), ("pingpong50", "p99_us"), ("pingpong50", "cpu_machine_one"),
           ("connect50", "a_s"), ("connect50", "p99_us"), ("connect50", "cpu_machine_one"),
           ("beside1", "p99_us"), ("beside1half", "p99_us"),
           ("idle2000", "memory"), ("idle2000", "descriptors"), ("idle9000", "memory"),
           ("udp1x64", "a_s"), ("udp100x64", "a_s"),
           ("udp1000x64", "a_s"), ("udp1000x64", "p99_us"), ("udp1000x64", "cpu_machine_one"),
           ("udp1000x1200", "a_s"), ("udp1000x1200", "cpu_machine_one"),
           ("udpdown10", "gb_s"), ("udpup10", "gb_s")]


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
    print(f"round {turn + 1} {row.key:24} {contestant.name:18} {said}", file=sys.stderr, flush=True)


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
    def __init__(self, options, present, missing, skipped, versions, limit, results):
        self.options, self.present, self.missing = options, present, missing
        self.skipped = skipped  # why rows were not measured
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
        for reason in self.skipped:
            print(f"skipped: {reason}")
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

    def print_goals(self):
        lines = [["goal", "whose", "whom", "measured", "to reach", "reached"]]
        for goal in goals.look(self, self.options.rows):
            lines.append([goal.title, goal.own, goal.whom, f"{goal.measured:.3f}",
                          f"{'>=' if goal.more_is_better else '<='} {goal.aim:g}",
                          "yes" if goal.reached() else "NO"])
        if len(lines) > 1:
            print()
            print_table(lines)

    # --- Files ------------------------------------------------------------------------------------

    def content(self):
        rows = []
        for row in self.options.rows:
            contestants = {}
            for contestant in self.present:
                result = self.results.get((row.key, contestant.name))
                if result:
                    keys = result["runs"][0] if result["runs"] else []
                    medians = {key: self.median(row.key, contestant.name, key) for key in keys}
                    contestants[contestant.name] = {"median": medians, **result}
            figures = [{"key": figure.key, "title": figure.title, "unit": figure.unit,
                        "more_is_better": figure.more_is_better} for figure in row.figures]
            rows.append({"key": row.key, "title": row.title, "figures": figures,
                         "contestants": contestants})
        return {"machine": self.machine, "date": time.strftime("%Y-%m-%d", time.gmtime()),
                "versions": {name: version for name, version in self.versions.items()
                             if version is not None},
                "not_installed": self.missing, "skipped": self.skipped,
                "settings": {"rounds": self.options.rounds, "seconds": self.options.seconds,
                             "header": self.options.header, "threads": self.options.threads,
                             "load_threads": self.options.load_threads,
                             "descriptor_limit": self.limit},
                "foreign_cpu_share": round(self.foreign(), 3),
                "rows": rows}

    def write_files(self):
        """Every measurement, and the pictures of the medians."""
        content = self.content()
        with open(self.options.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
        print(f"\nEvery measurement: {self.options.json}")
        for path, everything in ((self.options.svg, False), (self.options.svg_rows, True)):
            if chart.write(content, path, everything):
                print(f"Chart: {path}")
