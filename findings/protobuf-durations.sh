#!/usr/bin/env bash
# A protobuf library writes a negative duration a second too large, and a short one with an exponent
#
# Software: PyPI betterproto 1.2.5 with protobuf 7.36.2 as the reader of reference
# Expected: google/protobuf/duration.proto: the nanoseconds of a negative duration are negative too; "JSON
#           Mapping": a microsecond is "0.000001s".
# Seen:     The bytes of -1.5 seconds are read as -0.5 seconds, by the library itself; the reference sees seconds
#           of -1 with 500,000,000 nanoseconds, which the definition forbids. One microsecond becomes "1e-06s" in
#           JSON, which the reference refuses. 1.5 and -2 seconds are right.
# Matters:  Differences of clocks and times left are negative, and latencies are short. The one is a second off
#           without an error, the other costs the whole message.
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
from datetime import timedelta
import json

import betterproto
from google.protobuf.duration_pb2 import Duration


@dataclass
class Event(betterproto.Message):
    skew: timedelta = betterproto.message_field(1)


def binary(seconds):
    """Return what the library reads from its own bytes, and the two numbers in them."""
    written = bytes(Event(skew=timedelta(seconds=seconds)))
    read = Duration.FromString(written[2:])
    return Event().parse(written).skew.total_seconds(), read.seconds, read.nanos


def text(seconds):
    """Return what the library writes in JSON, and whether the reference takes it."""
    written = json.loads(Event(skew=timedelta(seconds=seconds)).to_json())["skew"]
    try:
        Duration().FromJsonString(written)
    except ValueError:
        return written, "refused"
    return written, "taken"


hold("control, 1.5", (binary(1.5), text(1.5)), ((1.5, 1, 500000000), ("1.500s", "taken")))
hold("control, -2", binary(-2), (-2.0, -2, 0))
hold("-1.5 in binary", binary(-1.5), (-0.5, -1, 500000000))
hold("a microsecond in JSON", text(0.000001), ("1e-06s", "refused"))
PY
