#!/usr/bin/env bash
# Two times of Google's libraries that differ in their nanoseconds are equal
#
# Software: PyPI google-api-core 2.44.0 and proto-plus 1.29.0, DatetimeWithNanoseconds
# Expected: google-api-core, "Helpers", DatetimeWithNanoseconds: tracks nanoseconds in addition to the normal
#           attributes; from_rfc3339 preserves them.
# Seen:     10:00:00.123456789 and 10:00:00.123456001 are equal, neither is later, a set keeps one of them, and
#           max() takes whichever comes first. A copy of the time has nanoseconds of 0 (google-api-core) or
#           123456000 (proto-plus). Times that differ by a microsecond are told apart.
# Matters:  Entries of Cloud Logging have nanoseconds. Whoever removes duplicates or remembers the latest time
#           with these values drops events, and the position stands still or goes back.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet google-api-core==2.44.0 proto-plus==1.29.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import copy

from google.api_core.datetime_helpers import DatetimeWithNanoseconds as OfCore
from proto.datetime_helpers import DatetimeWithNanoseconds as OfProto

for name, kind, copied in (("google-api-core", OfCore, 0), ("proto-plus", OfProto, 123456000)):
    late, early = (kind.from_rfc3339(f"2026-03-01T10:00:00.{digits}Z") for digits in ("123456789", "123456001"))
    next_one = kind.from_rfc3339("2026-03-01T10:00:00.123457000Z")
    hold(f"{name}, control, a microsecond apart", (late == next_one, late < next_one, len({late, next_one})), (False, True, 2))
    hold(f"{name}, nanoseconds of the two", (late.nanosecond, early.nanosecond), (123456789, 123456001))
    hold(f"{name}, equal, later, in a set", (late == early, late > early, len({late, early})), (True, False, 1))
    hold(f"{name}, max", (max(early, late).rfc3339(), max(late, early).rfc3339()),
         ("2026-03-01T10:00:00.123456001Z", "2026-03-01T10:00:00.123456789Z"))
    hold(f"{name}, nanoseconds of a copy", copy.copy(late).nanosecond, copied)
PY
