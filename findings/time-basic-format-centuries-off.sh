#!/usr/bin/env bash
# An ISO 8601 time without separators is read as "twenty million days ago"
#
# Software: PyPI dateparser 1.5.0; for comparison ciso8601 2.4.1
# Expected: ISO 8601-1, 5.4.2.1 (basic format): 20260301T123045Z is 2026-03-01T12:30:45Z. README: the library
#           parses absolute and relative dates; a text that it does not know gives None.
# Seen:     The result is a moment in the 17th century that moves with the clock: the digits are counted as a
#           distance from now. 2026-03-01T12Z is "some days ago" as well. Two calls give two times.
# Matters:  AWS and many file names use the basic format. The record gets a valid time in a wrong century: it
#           falls out of every search and every retention rule, and reading it again gives another one.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dateparser==1.5.0 ciso8601==2.4.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import time
from datetime import timedelta

import ciso8601
import dateparser

text = "20260301T123045Z"
first = dateparser.parse(text)
time.sleep(0.01)
second = dateparser.parse(text)
print("text:", text, "read as:", first)
hold("century before 1900", first.year < 1900, True)
hold("two calls differ by less than a second, but differ", timedelta(0) < second - first < timedelta(seconds=1), True)
hold("ciso8601", ciso8601.parse_datetime(text).isoformat(), "2026-03-01T12:30:45+00:00")
first = dateparser.parse("2026-03-01T12Z")
time.sleep(0.01)
hold("2026-03-01T12Z moves with the clock", dateparser.parse("2026-03-01T12Z") != first, True)
PY
