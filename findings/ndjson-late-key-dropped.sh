#!/usr/bin/env bash
# A key that first comes late in the file is dropped without a word
#
# Software: PyPI polars 2.1.0; for comparison duckdb 2.0.1, pandas 3.1.1
# Expected: Documentation, read_ndjson, "infer_schema_length": the number of rows scanned for the schema. What
#           happens to keys beyond it is not said; the library's other readers raise on data that does not fit.
# Seen:     The key "b", which first comes in line 25,001, is no column, and its value is gone. A value of
#           another type raises. duckdb raises for the late key and names the line; pandas has the column.
# Matters:  Rare events have the keys that no other has, such as a reason for a refusal. They are the ones that
#           are lost.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet polars==2.1.0 duckdb==2.0.1 pandas==3.1.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import tempfile

import duckdb
import pandas
import polars

folder = tempfile.TemporaryDirectory()
path = folder.name + "/events.ndjson"
with open(path, "w") as file:
    file.writelines(json.dumps({"a": number}) + "\n" for number in range(25_000))
    file.write(json.dumps({"a": 1, "b": "denied"}) + "\n")
hold("polars", (polars.read_ndjson(path).columns, polars.read_ndjson(path).height), (["a"], 25_001))
try:
    seen = duckdb.sql(f"select * from read_json('{path}')").fetchall()[-1]
except duckdb.InvalidInputException as error:
    seen = "line 25001" in str(error)
hold("duckdb raises and names the line", seen, True)
hold("pandas", list(pandas.read_json(path, lines=True).columns), ["a", "b"])
folder.cleanup()
PY
