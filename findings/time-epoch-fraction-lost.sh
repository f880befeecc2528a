#!/usr/bin/env bash
# Of an epoch time with a fraction, the fraction is dropped
#
# Software: PyPI dateparser 1.5.0
# Expected: Documentation, "Timestamps": a text of 10, 13 or 16 digits is seconds, milliseconds or microseconds
#           since 1970. 1772368245.123456 is 123,456 microseconds after the second.
# Seen:     1772368245.123456 is read as 12:30:45 sharp, 1772368245123456 as 12:30:45.123456. Both are naive, in
#           the zone of the machine.
# Matters:  Slack and many others give times as seconds with a fraction. The order of events within a second is
#           lost, and they may be taken for duplicates of one another.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dateparser==1.5.0
TZ=UTC "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import dateparser

hold("1772368245123456", dateparser.parse("1772368245123456").isoformat(), "2026-03-01T12:30:45.123456")
hold("1772368245.123456", dateparser.parse("1772368245.123456").isoformat(), "2026-03-01T12:30:45")
PY
