#!/usr/bin/env bash
# Two keys of a record become one column, and the id of the event is replaced
#
# Software: PyPI dlt 1.31.0 with its duckdb destination, duckdb 2.0.1
# Expected: Documentation, "Naming convention": names are made lower case and get underscores. RFC 8259 has "id"
#           and "ID", "userName" and "user_name" as different names; a tool that makes them equal raises, or
#           keeps both values.
# Seen:     The last of the keys in the record wins, without a warning: {"id": "1", "ID": "other"} is stored
#           with id = "other", {"userName": "alice", "user_name": "bob"} with "bob". The load reports success.
# Matters:  The key that duplicates are recognised by changes. Which value is left depends on the order of keys
#           in the JSON text, which services do not promise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dlt[duckdb]==1.31.0 duckdb==2.0.1
WORK="$work" RUNTIME__DLTHUB_TELEMETRY=false "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os

import dlt
import duckdb

folder = os.environ["WORK"]


@dlt.resource(name="events")
def events():
    yield [
        {"id": "1", "ID": "other", "userName": "alice", "user_name": "bob"},
        {"ID": "other", "id": "2", "user_name": "bob", "userName": "alice"},
    ]


pipeline = dlt.pipeline(
    "audit", destination=dlt.destinations.duckdb(folder + "/store.duckdb"), dataset_name="audit", pipelines_dir=folder + "/state"
)
hold("failed jobs", pipeline.run(events()).has_failed_jobs, False)
rows = duckdb.connect(folder + "/store.duckdb").execute("select id, user_name from audit.events").fetchall()
hold("stored", rows, [("other", "bob"), ("2", "alice")])
PY
