#!/usr/bin/env bash
# A CEF writer drops the value 0 where the key is written short
#
# Software: PyPI cefevent 0.5.6
# Expected: README, "set_field": a field may be named by its CEF key or by its full name; CEF Implementation
#           Standard, "CEF Key Names for Event Producers": cnt, in, out, fsize, cn1 and spt are integers, and 0
#           is one.
# Seen:     set_field("cnt", 0) returns False and writes nothing, set_field("baseEventCount", 0) writes cnt=0,
#           for the same field. With strict=True the short key raises ValueError. The check of the short key
#           takes 0 for "invalid".
# Matters:  "0 bytes sent" and "0 failed" vanish from the record, and a receiver cannot tell them from "not
#           known".
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cefevent==0.5.6
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from cefevent import CEFEvent

for short, full in (("cnt", "baseEventCount"), ("in", "bytesIn"), ("fsize", "fileSize"), ("cn1", "deviceCustomNumber1")):
    event = CEFEvent()
    event.set_prefix("name", "transfer")
    hold(f"set_field({short!r}, 0)", event.set_field(short, 0), False)
    hold(f"set_field({short!r}, 1)", event.set_field(short, 1), 1)
    event = CEFEvent()
    hold(f"set_field({full!r}, 0)", (event.set_field(full, 0), event.extensions), (0, {full: 0}))
try:
    CEFEvent(strict=True).set_field("cnt", 0)
    seen = "written"
except ValueError:
    seen = "ValueError"
hold("strict, set_field('cnt', 0)", seen, "ValueError")
PY
