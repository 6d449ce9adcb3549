#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draw what "make bench" measured as horizontal bars, the best first, mmproxy's in another colour.

    tests/bench/chart.py [--all] BENCH.json OUT.svg

There is a panel for each of the rows that a newcomer asks for, or with --all for every row of the
file. The picture is SVG of one element a line, so that it can be read in a diff.
"""

import argparse
import json
import sys
from xml.sax.saxutils import escape

OWN = "mmproxy (splice)"
DIRECT = "direct"

# The contestants' names in the picture, where they are others.
LABELS = {OWN: "mmproxy", DIRECT: "no proxy", "nginx stream": "nginx", "haproxy": "HAProxy"}

# The summary: row, figure, title.
SUMMARY = [("bulk10", "gb_s", "10 downloads"),
           ("tcpkali50", "gbit_s", "Short messages echoed at full speed"),
           ("pingpong50", "a_s", "Round trips of 64 bytes, 50 connections"),
           ("connect50", "a_s", "New connections"),
           ("idle2000", "memory", "Memory of an idle connection"),
           ("udp1000x64", "a_s", "UDP echo, 1,000 flows")]

# What the picture calls some units.
UNITS = {"requests/s": "requests a second", "connections/s": "connections a second",
         "datagrams/s": "datagrams a second", "bytes/connection": "bytes"}

# Left out of the summary: a second engine of mmproxy's own.
NOT_IN_SUMMARY = ["mmproxy (buffered)"]

# Sizes in pixels.
COLUMNS = 2
PANEL_WIDTH, GAP, MARGIN = 430, 24, 16
NAME_WIDTH, VALUE_WIDTH = 138, 62
BAR, STEP = 15, 21
TITLE_HEIGHT, FOOT_HEIGHT = 40, 26
LETTER_WIDTH = 0.66  # of a bold one of size 1, on an average

FONT = "'DejaVu Sans', Verdana, Arial, sans-serif"
BACKGROUND, TEXT, FAINT = "#ffffff", "#222222", "#6b6b6b"
COLORS = {OWN: "#1b7837", "mmproxy (kernel)": "#5aae61", "mmproxy (buffered)": "#93c9a1",
          DIRECT: "#d0d0d0"}
PEER_COLOR = "#9db4d3"


class Panel:
    def __init__(self, title, unit, more_is_better, bars):
        self.title, self.unit, self.more_is_better = title, UNITS.get(unit, unit), more_is_better
        self.bars = sorted(bars, key=lambda bar: bar[1], reverse=more_is_better)

    def height(self):
        return TITLE_HEIGHT + STEP * len(self.bars)


def number(value):
    """Three digits that count, and thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def panel_of(row, key, title, left_out):
    """The medians of a row's figure; or None where nobody has one."""
    figure = next((one for one in row["figures"] if one["key"] == key), None)
    bars = [(name, result["median"][key]) for name, result in row["contestants"].items()
            if result["median"].get(key) is not None and name not in left_out]
    if not figure or not bars:
        return None
    return Panel(title, figure["unit"], figure["more_is_better"], bars)


def panels_of(content, everything):
    rows = {row["key"]: row for row in content["rows"]}
    if everything:
        found = [panel_of(row, row["figures"][0]["key"], row["title"][:1].upper() +
                          row["title"][1:], []) for row in content["rows"]]
    else:
        found = [panel_of(rows[key], figure, title, NOT_IN_SUMMARY)
                 for key, figure, title in SUMMARY if key in rows]
    return [panel for panel in found if panel]


# --- SVG ------------------------------------------------------------------------------------------


def text(x, y, string, *more):
    return f'<text x="{x}" y="{y}"{"".join(" " + one for one in more)}>{escape(string)}</text>'


def draw_panel(panel, left, top):
    better = "more is better" if panel.more_is_better else "less is better"
    size = min(14, PANEL_WIDTH / (LETTER_WIDTH * len(panel.title)))
    yield text(left, top + 13, panel.title, 'font-weight="bold"', f'font-size="{size:.1f}"')
    yield text(left, top + 30, f"{panel.unit}, {better}", f'fill="{FAINT}"')
    most = max(value for _, value in panel.bars) or 1
    room = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH
    for i, (name, value) in enumerate(panel.bars):
        y = top + TITLE_HEIGHT + i * STEP
        width = max(1, round(room * value / most))
        weight = ['font-weight="bold"'] if name == OWN else []
        yield text(left + NAME_WIDTH - 6, y + 12, LABELS.get(name, name), 'text-anchor="end"',
                   *weight)
        yield (f'<rect x="{left + NAME_WIDTH}" y="{y}" width="{width}" height="{BAR}" '
               f'fill="{COLORS.get(name, PEER_COLOR)}"/>')
        yield text(left + NAME_WIDTH + width + 5, y + 12, number(value), *weight)


def describe(panels):
    """The same in words, for who cannot see it."""
    for panel in panels:
        bars = ", ".join(f"{LABELS.get(name, name)} {number(value)}" for name, value in panel.bars)
        yield f"{panel.title} ({panel.unit}): {bars}."


def foot(content):
    machine, settings = content["machine"], content["settings"]
    rounds = "one round" if settings["rounds"] == 1 else f"{settings['rounds']} rounds"
    return (f"Medians of {rounds} of {settings['seconds']:g} s; load generator, "
            f"proxy and server on {machine['cpus']} CPUs ({machine['cpu']}), "
            f"Linux {'.'.join(machine['kernel'].split('-')[0].split('.')[:2])}")


def draw(content, everything=False):
    """The picture of what write_json() has written (report.py), or None without a panel."""
    panels = panels_of(content, everything)
    if not panels:
        return None
    lines, top = [], MARGIN
    for first in range(0, len(panels), COLUMNS):
        beside = panels[first:first + COLUMNS]
        for column, panel in enumerate(beside):
            lines += draw_panel(panel, MARGIN + column * (PANEL_WIDTH + GAP), top)
        top += max(panel.height() for panel in beside) + GAP
    width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * GAP
    lines.append(text(MARGIN, top + 4, foot(content), f'fill="{FAINT}"', 'font-size="11"'))
    height = top + FOOT_HEIGHT - MARGIN + 4
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{FONT}" font-size="12" '
            f'fill="{TEXT}" role="img">',
            "<title>mmproxy beside its peers</title>",
            f"<desc>{escape(' '.join(describe(panels)))}</desc>",
            f'<rect width="{width}" height="{height}" fill="{BACKGROUND}"/>']
    return "\n".join([*head, *lines, "</svg>"]) + "\n"


def write(content, path, everything=False):
    """Returns whether there was anything to draw."""
    picture = draw(content, everything)
    if picture is None:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)
    return True


def main():
    parser = argparse.ArgumentParser(description="Draw the medians of make bench.")
    parser.add_argument("--all", action="store_true", help="a panel for every row")
    parser.add_argument("json", help="what make bench has written")
    parser.add_argument("svg", help="the picture")
    options = parser.parse_args()
    with open(options.json, encoding="utf-8") as file:
        content = json.load(file)
    if not write(content, options.svg, options.all):
        sys.exit(f"{options.json} has no row to draw")


if __name__ == "__main__":
    main()
