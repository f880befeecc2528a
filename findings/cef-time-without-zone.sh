#!/usr/bin/env bash
# A CEF writer drops the zone and the fraction of an aware datetime
#
# Software: PyPI format-cef 0.0.4
# Expected: CEF Implementation Standard, "Date Formats": a time may be milliseconds since 1970, or text with
#           milliseconds and a zone (MMM dd yyyy HH:mm:ss.SSS zzz). An aware datetime names one instant.
# Seen:     10:00:00.123 in the zone +09:00 is written as "Mar 01 2026 10:00:00", the same as 10:00:00 UTC.
# Matters:  The receiver reads it in its own zone: the event moves by up to a day, and the order within a second
#           is gone. Two different instants give one text.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet format-cef==0.0.4 six==1.17.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime, timedelta, timezone

from format_cef import format_cef

tokyo = datetime(2026, 3, 1, 10, 0, 0, 123000, tzinfo=timezone(timedelta(hours=9)))
for moment in (tokyo, datetime(2026, 3, 1, 10, tzinfo=timezone.utc)):
    line = format_cef("Acme", "Audit", "1", "100", "read", 3, {"deviceReceiptTime": moment}).decode()
    hold(moment.isoformat(), line.split("rt=")[1], "Mar 01 2026 10:00:00")
PY
