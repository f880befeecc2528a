#!/usr/bin/env bash
# An aware datetime in a log record arrives at another time
#
# Software: PyPI python-logstash-async 4.1.0
# Expected: Python documentation, datetime, "Aware and Naive Objects": an aware datetime is one moment in time.
#           The formatter writes times in UTC, with Z, so 10:00 UTC is 10:00Z on every machine.
# Seen:     The clock time is taken as local: with TZ=America/New_York, 10:00:00.123456+00:00 is written as
#           15:00:00.000Z. The fraction is dropped. With TZ=UTC the hour is right.
# Matters:  The time of the event that the record is about, such as the end of a session, is off by the
#           machine's offset, while @timestamp beside it is right.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-logstash-async==4.1.0
cat >"$work/check.py" <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging
import os
from datetime import datetime, timezone

from logstash_async.formatter import LogstashFormatter

record = logging.LogRecord("audit", logging.INFO, "app.py", 1, "session ended", (), None)
record.ended = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=timezone.utc)
written = json.loads(LogstashFormatter().format(record))["extra"]["ended"]
known = {"UTC": "2026-03-01T10:00:00.000Z", "America/New_York": "2026-03-01T15:00:00.000Z"}
hold(f"TZ={os.environ['TZ']}, 10:00:00.123456 UTC", written, known[os.environ["TZ"]])
PY
for zone in UTC America/New_York; do
    TZ=$zone "$work/venv/bin/python" "$work/check.py"
done
