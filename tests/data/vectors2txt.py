#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Derive proxy_vectors.txt and the corpora in ../fuzz/corpus from proxy_vectors.jsonl.

All are checked in, so that building and testing need no Python: run this when the vectors change.
A line of the .txt is a case, its fields parted by tabs, "-" for none; TLVs are TYPE=VALUE in hex,
parted by commas. A line of a .hex is what a case feeds to the fuzzer of its transport.
"""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
CORPORA = {"stream": "proxy_header.hex", "dgram": "proxy_datagram.hex"}
FIELDS = ("transport", "mode", "verdict", "version", "family", "src", "dst", "header_len", "tlvs", "disputed", "hex", "id")

# Bytes of a case that the corpus takes: beyond the longest header comes only payload.
CORPUS_BYTES_MAX = 4200


def field(case, name):
    value = case[name]
    if name == "tlvs":
        value = ",".join(f"{tlv['type']:02x}={tlv['value_hex']}" for tlv in value or ())
    elif name == "disputed":
        value = "disputed" if value else "-"
    text = "-" if value in (None, "") else str(value)
    assert "\t" not in text and "\n" not in text
    return text


def main():
    cases = [json.loads(line) for line in (HERE / "proxy_vectors.jsonl").read_text().splitlines()]
    lines = ["\t".join(field(case, name) for name in FIELDS) for case in cases]
    (HERE / "proxy_vectors.txt").write_text("# " + "\t".join(FIELDS) + "\n" + "\n".join(lines) + "\n")

    for transport, name in CORPORA.items():
        inputs = {case["hex"] for case in cases if case["transport"] == transport}
        inputs = sorted(text for text in inputs if 0 < len(text) <= 2 * CORPUS_BYTES_MAX)
        corpus = HERE.parent / "fuzz" / "corpus" / name
        corpus.parent.mkdir(parents=True, exist_ok=True)
        corpus.write_text("\n".join(inputs) + "\n")


if __name__ == "__main__":
    main()
