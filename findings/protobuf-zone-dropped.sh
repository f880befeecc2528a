#!/usr/bin/env bash
# A protobuf library writes the local clock of an aware time with a Z in JSON, and the right moment in binary
#
# Software: PyPI betterproto 1.2.5 with protobuf 7.36.2 as the reader of reference
# Expected: google/protobuf/timestamp.proto, "JSON Mapping": a timestamp is written in UTC, which the Z says.
# Seen:     15:30 at +05:30 becomes 15:30Z in JSON, and 10:00Z in the bytes of the same message. protobuf reads
#           the JSON 5 hours and 30 minutes late. A time in UTC is the same in both.
# Matters:  Where a program reads times with an offset and passes them on as JSON, as Google's audit logs are,
#           events are off by the offset, and the same event sent in binary is not.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet betterproto==1.2.5 protobuf==7.36.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
import json

import betterproto
from google.protobuf.timestamp_pb2 import Timestamp


@dataclass
class Event(betterproto.Message):
    time: datetime = betterproto.message_field(1)


def both(moment):
    """Return the moment that the reference reads from the JSON and from the bytes of one message."""
    message = Event(time=moment)
    read = Timestamp()
    text = json.loads(message.to_json())["time"]
    read.FromJsonString(text)
    return text, read.ToJsonString(), Timestamp.FromString(bytes(message)[2:]).ToJsonString()


ten = "2026-03-01T10:00:00Z"
hold("control, UTC", both(datetime(2026, 3, 1, 10, tzinfo=timezone.utc)), (ten, ten, ten))
india = timezone(timedelta(hours=5, minutes=30))
hold("+05:30, JSON, as read, binary as read", both(datetime(2026, 3, 1, 15, 30, tzinfo=india)),
     ("2026-03-01T15:30:00Z", "2026-03-01T15:30:00Z", ten))
PY
