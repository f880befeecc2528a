#!/usr/bin/env bash
# A value "epoch" or "infinity" makes a text column a column of dates
#
# Software: PyPI duckdb 2.0.1
# Expected: Documentation, "JSON Loading", parameter auto_detect: types are detected from the sample; text that
#           is no date stays text. RFC 8259: a string is a string.
# Seen:     A column whose strings are "epoch" and "infinity" becomes DATE: 1970-01-01 and a date beyond all
#           others. "9:05" becomes the time 09:05:00, a UUID in capitals comes out in small letters.
# Matters:  Names of users, hosts and policies are such words. The records are altered on the way into the
#           store; a comparison with the source, or a digest over them, fails.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet duckdb==2.0.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import tempfile

import duckdb

folder = tempfile.TemporaryDirectory()
path = folder.name + "/events.ndjson"
with open(path, "w") as file:
    for user in ("epoch", "infinity"):
        event = {"user": user, "at": "9:05", "id": "550E8400-E29B-41D4-A716-446655440000", "action": "login"}
        file.write(json.dumps(event) + "\n")
types = duckdb.sql(f"describe select * from read_json('{path}')").fetchall()
hold("types", {row[0]: row[1] for row in types}, {"user": "DATE", "at": "TIME", "id": "UUID", "action": "VARCHAR"})
rows = duckdb.sql(f"select columns(*)::varchar from read_json('{path}')").fetchall()
hold("first row", rows[0], ("1970-01-01", "09:05:00", "550e8400-e29b-41d4-a716-446655440000", "login"))
hold("second row, user", rows[1][0], "infinity")
folder.cleanup()
PY
