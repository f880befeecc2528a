#!/usr/bin/env bash
# A syslog parser reads the hours of a zone as its minutes too
#
# Software: PyPI hat-syslog 0.7.28
# Expected: RFC 5424, section 6.2.3, and RFC 3339: 10:00:00-05:00 is 15:00:00Z; a TIMESTAMP without a fraction
#           is valid.
# Seen:     -05:00 is read as 14:55:00Z, +05:30 as +05:05, -07:00 is seven minutes off. Only Z and +00:00 are
#           right. A TIMESTAMP without a fraction raises TypeError.
# Matters:  Events of another region are minutes off, few enough to go unnoticed: a correlation by time fails,
#           and the order of events from two zones is wrong.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hat-syslog==0.7.28
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime, timezone

from hat.syslog import encoder


def read(text):
    found = encoder.msg_from_str(f"<110>1 {text} host app 1 login - hello").timestamp
    return datetime.fromtimestamp(found, timezone.utc).isoformat()


hold("10:00:00.5Z", read("2026-03-01T10:00:00.5Z"), "2026-03-01T10:00:00.500000+00:00")
hold("10:00:00.5-05:00", read("2026-03-01T10:00:00.5-05:00"), "2026-03-01T14:55:00.500000+00:00")
hold("10:00:00.5+05:30", read("2026-03-01T10:00:00.5+05:30"), "2026-03-01T04:55:00.500000+00:00")
try:
    seen = read("2026-03-01T10:00:00Z")
except TypeError as error:
    seen = "TypeError"
hold("10:00:00Z", seen, "TypeError")
PY
