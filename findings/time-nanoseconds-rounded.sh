#!/usr/bin/env bash
# Nanoseconds are rounded up by some parsers and cut by others, into another day
#
# Software: PyPI msgspec 0.22.0, arrow 1.4.0; for comparison ciso8601 2.4.1, iso8601 2.1.0, pendulum 3.3.0,
#           python-dateutil 2.9.0.post0
# Expected: RFC 3339, section 5.6: any number of digits after the second. A parser with microseconds loses the
#           rest; the documentation of none of them says in which direction.
# Seen:     2026-12-31T23:59:59.9999999Z is 2027-01-01 for msgspec and arrow, and 2026-12-31T23:59:59.999999 for
#           the four others.
# Matters:  One event lies in two different days, months and years at two stages of a pipeline: a reconciliation
#           by day counts it twice or not at all, and a watermark may lie behind the event's own time.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet msgspec==0.22.0 arrow==1.4.0 ciso8601==2.4.1 iso8601==2.1.0 pendulum==3.3.0 python-dateutil==2.9.0.post0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime

import arrow
import ciso8601
import dateutil.parser
import iso8601
import msgspec
import pendulum

text = "2026-12-31T23:59:59.9999999Z"
print("text:", text)
later, cut = "2027-01-01T00:00:00+00:00", "2026-12-31T23:59:59.999999+00:00"
hold("msgspec", msgspec.convert(text, datetime).isoformat(), later)
hold("arrow", arrow.get(text).isoformat(), later)
hold("ciso8601", ciso8601.parse_datetime(text).isoformat(), cut)
hold("iso8601", iso8601.parse_date(text).isoformat(), cut)
hold("pendulum", pendulum.parse(text).isoformat(), cut)
hold("dateutil", dateutil.parser.isoparse(text).isoformat(), cut)
PY
