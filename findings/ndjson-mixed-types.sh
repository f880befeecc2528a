#!/usr/bin/env bash
# A column of mixed types changes its values, in two different ways
#
# Software: PyPI duckdb 2.0.1, polars 2.1.0
# Expected: RFC 8259: true, "true" and {"a": 1} are three values. A reader that wants one type raises, or keeps
#           each value.
# Seen:     duckdb makes the column JSON text: the string is "true" with its quotes, so a search for the string
#           finds nothing. polars makes it text: true and "true" are the same, and the object is written anew
#           with other spacing.
# Matters:  "target" and "changes" of audit events are a string here and an object there. After loading, what
#           was sent cannot be told, and filters that worked yesterday find nothing as soon as one object comes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1 polars==2.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import tempfile

import duckdb
import polars

folder = tempfile.TemporaryDirectory()
path = folder.name + "/events.ndjson"
with open(path, "w") as file:
    file.write('{"v":true}\n{"v":"true"}\n{"v":{"a":1}}\n')
hold("duckdb", [row[0] for row in duckdb.sql(f"select v from read_json('{path}')").fetchall()], ["true", '"true"', '{"a":1}'])
hold("polars", polars.read_ndjson(path)["v"].to_list(), ["true", "true", '{"a": 1}'])
folder.cleanup()
PY
