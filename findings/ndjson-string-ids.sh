#!/usr/bin/env bash
# Ids in quotes become numbers, rounded
#
# Software: PyPI pandas 3.1.1; for comparison polars 2.1.0
# Expected: RFC 8259: "00123" is a string. Documentation, read_json, dtype: "if True, infer dtypes", without
#           saying that quoted values count as numbers.
# Seen:     With lines=True and no dtype, "00123" is 123, "12345678901234567890" is the float
#           1.2345678901234567e+19, and the digests "1e5" and "2e10" are 100000.0 and 20000000000.0.
# Matters:  Ids collide: two that differ in the last digits are one number, and leading zeros are gone. One id
#           with a letter in the column keeps all of them text, so it depends on the data of the day.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 polars==2.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import tempfile

import pandas
import polars

folder = tempfile.TemporaryDirectory()


def path(name, ids):
    with open(f"{folder.name}/{name}", "w") as file:
        file.writelines(json.dumps({"id": value}) + "\n" for value in ids)
    return file.name


for name, ids, known in (
    ("zeros", ["00123", "0456"], [123, 456]),
    ("long", ["12345678901234567890", "12345678901234567891"], [1.2345678901234567e19, 1.2345678901234567e19]),
    ("digests", ["1e5", "2e10"], [100000.0, 20000000000.0]),
):
    hold(f"pandas, {ids}", pandas.read_json(path(name, ids), lines=True)["id"].tolist(), known)
    hold("polars", polars.read_ndjson(path(name, ids))["id"].to_list(), ids)
folder.cleanup()
PY
