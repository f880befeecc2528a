#!/usr/bin/env bash
# An event half a second after the last one counts as older, and is never loaded
#
# Software: PyPI dlt 1.31.0, dlt.sources.incremental
# Expected: RFC 3339, section 5.6: the fraction of a second is optional, and one feed may have times with and
#           without. Documentation of dlt, "Cursor-based incremental loading": dlt finds the greatest value of the
#           cursor, here a time, and loads what is newer.
# Seen:     The first run loads 10:00:00Z. Of 10:00:00Z, 10:00:00.5Z and 10:00:01Z the second run loads the last
#           one only: the values are compared as texts, where "." comes before "Z". With three digits in all
#           times, the second run loads both new events. The other way round, 12:30:00+02:00, which is 10:30:00Z,
#           moves the cursor to 12:30, and 11:00:00Z is not loaded after it.
# Matters:  Libraries in Java, Go and .NET leave the fraction out where it is zero, so one in a thousand events of
#           a feed with milliseconds has none. Events behind it in the same second are lost, and the run is a
#           success.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dlt==1.31.0
export DLT_DATA_DIR="$work/dlt"
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os
import tempfile

os.environ.update(RUNTIME__LOG_LEVEL="CRITICAL", RUNTIME__DLTHUB_TELEMETRY="false")
import dlt


def loaded(*runs):
    """Return the names of the events that each run of one pipeline loads."""
    seen = []

    @dlt.resource(name="events")
    def events(run, cursor=dlt.sources.incremental("time")):
        yield [{"name": name, "time": f"2026-03-01T{time}"} for name, time in run.items()]

    @dlt.destination(batch_size=100, loader_file_format="typed-jsonl", name="keep")
    def keep(items, table):
        seen[-1] += [item["name"] for item in items if "name" in item]

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("audit", destination=keep(), pipelines_dir=folder)
        for run in runs:
            seen.append([])
            pipeline.run(events(run))
    return seen


known = {"first": "10:00:00.000Z"}
hold("control, three digits in all", loaded(known, {**known, "half": "10:00:00.500Z", "second": "10:00:01.000Z"}), [["first"], ["half", "second"]])
known = {"first": "10:00:00Z"}
hold("control, no fraction at all", loaded(known, {**known, "second": "10:00:01Z"}), [["first"], ["second"]])
hold("a fraction in one", loaded(known, {**known, "half": "10:00:00.5Z", "second": "10:00:01Z"}), [["first"], ["second"]])
hold("another offset", loaded({**known, "offset": "12:30:00+02:00"}, {"eleven": "11:00:00Z"}), [["first", "offset"], []])
PY
