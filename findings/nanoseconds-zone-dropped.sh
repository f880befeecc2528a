#!/usr/bin/env bash
# A time of Google's libraries in another zone is written with the Z of UTC
#
# Software: PyPI google-api-core 2.44.0 and proto-plus 1.29.0, DatetimeWithNanoseconds
# Expected: google-api-core, "Helpers", rfc3339(): a timestamp as RFC 3339 says. RFC 3339, section 2: Z is an
#           offset of zero.
# Seen:     12:00 at +02:00 is written as 12:00Z, while timestamp_pb() of the same value is 10:00 UTC. A time in
#           UTC is the same in both.
# Matters:  A program that shows or stores times in the zone of its users moves each event by the offset, where it
#           writes text, and not where it writes protobuf.
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


from datetime import timedelta, timezone

from google.api_core.datetime_helpers import DatetimeWithNanoseconds as OfCore
from proto.datetime_helpers import DatetimeWithNanoseconds as OfProto

for name, kind in (("google-api-core", OfCore), ("proto-plus", OfProto)):
    utc = kind(2026, 3, 1, 10, nanosecond=123456789, tzinfo=timezone.utc)
    berlin = kind(2026, 3, 1, 12, nanosecond=123456789, tzinfo=timezone(timedelta(hours=2)))
    hold(f"{name}, the two are one moment", utc == berlin, True)
    hold(f"{name}, control, UTC as text", utc.rfc3339(), "2026-03-01T10:00:00.123456789Z")
    hold(f"{name}, +02:00 as text", berlin.rfc3339(), "2026-03-01T12:00:00.123456789Z")
    hold(f"{name}, +02:00 as protobuf", berlin.timestamp_pb().ToJsonString(), "2026-03-01T10:00:00.123456789Z")
PY
