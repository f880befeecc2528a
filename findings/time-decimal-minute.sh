#!/usr/bin/env bash
# A time with a decimal minute is read half an hour off
#
# Software: PyPI iso8601 2.1.0; for comparison python-dateutil 2.9.0.post0
# Expected: ISO 8601-1, 5.3.1.4 (decimal fractions): 12:30.5 is half a minute after 12:30. README: the library
#           parses the most common forms of ISO 8601; others raise ParseError.
# Seen:     2026-03-01T12:30.5Z is read as 12:00:30.5, the minutes being taken for seconds. dateutil reads
#           12:30:30.
# Matters:  Devices that log decimal minutes are rare, and no error tells that their events are at another time.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet iso8601==2.1.0 python-dateutil==2.9.0.post0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import dateutil.parser
import iso8601

text = "2026-03-01T12:30.5Z"
hold("iso8601", iso8601.parse_date(text).isoformat(), "2026-03-01T12:00:30.500000+00:00")
hold("dateutil", dateutil.parser.parse(text).isoformat(), "2026-03-01T12:30:30+00:00")
PY
