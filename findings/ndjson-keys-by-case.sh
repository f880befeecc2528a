#!/usr/bin/env bash
# Keys that differ by case are renamed
#
# Software: PyPI duckdb 2.0.1; for comparison polars 2.1.0
# Expected: RFC 8259, section 4, with RFC 7493: names of an object are compared as texts; "Id" and "id" are two.
# Seen:     The columns of {"Id": ..., "id": ...} are "Id" and "id_1", and ID of the next line is "ID_2". No
#           warning. An event that has a key "id_1" of its own moves on too.
# Matters:  A query for id reads Id: SQL names ignore case. The record's own id is in a column that nobody asks
#           for.
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


import json
import tempfile

import duckdb
import polars

folder = tempfile.TemporaryDirectory()
path = folder.name + "/events.ndjson"
with open(path, "w") as file:
    file.write(json.dumps({"Id": "group", "id": "event"}) + "\n" + json.dumps({"ID": "other"}) + "\n")
hold("duckdb, columns", duckdb.sql(f"select * from read_json('{path}')").columns, ["Id", "id_1", "ID_2"])
hold("duckdb, id", duckdb.sql(f"select id from read_json('{path}')").fetchall(), [("group",), (None,)])
hold("polars, columns", polars.read_ndjson(path).columns, ["Id", "id", "ID"])
folder.cleanup()
PY
