#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Type command lines with tabs into an interactive shell and print what it made of them.

completions.py COMMAND... < LINES: each line is typed at the shell's prompt, with a tab where it has
"<TAB>", and sent. The shell has to show the prompt "ready> ", and "mmproxy" has to print its
arguments as "got:ARGUMENT:ARGUMENT:end". Prints one such line, without "got:" and ":end", for each.
"""
import os
import pty
import re
import select
import sys
import time

PROMPT = b"ready> "
PATIENCE = 60 * float(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))


def read_until(terminal, seen, pattern):
    """Read on until the pattern is in what was seen; returns the match and what is behind it."""
    end = time.monotonic() + PATIENCE
    while True:
        match = re.search(pattern, seen, re.DOTALL)
        if match:
            return match, seen[match.end():]
        left = end - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            sys.exit(f"the shell shows no {pattern!r}, but {seen!r}")
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            sys.exit(f"the shell ended: {seen!r}")
        seen += piece


def main():
    lines = sys.stdin.read().splitlines()
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "dumb"
        os.execvp(sys.argv[1], sys.argv[1:])
    seen = b""
    for line in lines:
        _, seen = read_until(terminal, seen, re.escape(PROMPT))
        os.write(terminal, line.replace("<TAB>", "\t").encode() + b"\r")
        match, seen = read_until(terminal, seen, rb"got:(.*?):end")
        print(match.group(1).decode())
    os.close(terminal)


if __name__ == "__main__":
    main()
