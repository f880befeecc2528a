#!/usr/bin/env bash
# A time with small t and z loses its zone, or is refused
#
# Software: PyPI pandas 3.1.1, pendulum 3.3.0, arrow 1.4.0, iso8601 2.1.0; for comparison msgspec 0.22.0,
#           ciso8601 2.4.1
# Expected: RFC 3339, section 5.6: "T" and "Z" may be lower case.
# Seen:     pandas returns 12:30:45 without a zone, where "Z" gives one in UTC. pendulum, arrow and iso8601
#           raise. msgspec and ciso8601 read UTC.
# Matters:  A naive time among aware ones is taken for local time at the next step, or breaks a comparison.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 pendulum==3.3.0 arrow==1.4.0 iso8601==2.1.0 msgspec==0.22.0 ciso8601==2.4.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime

import arrow
import ciso8601
import iso8601
import msgspec
import pandas
import pendulum

text = "2026-03-01t12:30:45z"
hold("pandas, Z", pandas.to_datetime(text.upper()).isoformat(), "2026-03-01T12:30:45+00:00")
hold("pandas, z", pandas.to_datetime(text).isoformat(), "2026-03-01T12:30:45")
hold("msgspec", msgspec.convert(text, datetime).isoformat(), "2026-03-01T12:30:45+00:00")
hold("ciso8601", ciso8601.parse_datetime(text).isoformat(), "2026-03-01T12:30:45+00:00")
for name, parse in (("pendulum", pendulum.parse), ("arrow", arrow.get), ("iso8601", iso8601.parse_date)):
    try:
        seen = parse(text).isoformat()
    except ValueError:
        seen = "refused"
    hold(name, seen, "refused")
PY
