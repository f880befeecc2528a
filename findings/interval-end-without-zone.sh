#!/usr/bin/env bash
# The end of an interval has no zone where the start has one
#
# Software: PyPI aniso8601 10.0.1, pendulum 3.3.0
# Expected: ISO 8601:2004, section 4.4.5: a zone that is given with the start and not with the end holds for the end
#           too.
# Seen:     Of 2026-03-01T10:00:00-05:00/2026-03-02T10:00:00, aniso8601 gives an aware start and a naive end; with
#           an end of 12:00:00 alone it gives both the zone. pendulum puts the end in UTC, so the interval is five
#           hours shorter.
# Matters:  A window that was asked for as one day is 19 hours long, and the last hours are never read; or comparing
#           its two ends is an error.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet aniso8601==10.0.1 pendulum==3.3.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import aniso8601
import pendulum

start, end = aniso8601.parse_interval("2026-03-01T10:00:00-05:00/2026-03-02T10:00:00")
hold("aniso8601", (start.isoformat(), end.isoformat()), ("2026-03-01T10:00:00-05:00", "2026-03-02T10:00:00"))
start, end = aniso8601.parse_interval("2026-03-01T10:00:00-05:00/12:00:00")
hold("aniso8601, short end", end.isoformat(), "2026-03-01T12:00:00-05:00")
whole = pendulum.parse("2026-03-01T10:00:00-05:00/2026-03-02T10:00:00")
print("pendulum:", whole.start, whole.end)
hold("pendulum, hours", whole.total_hours(), 19.0)
PY
