#!/usr/bin/env bash
# A Date of a structured header is read as local time without a zone
#
# Software: PyPI http-sfv 0.9.9; for comparison http-sf 1.5.0
# Expected: RFC 9651, section 3.3.7: a Date is a number of seconds since 1970-01-01T00:00:00Z. As a datetime it
#           is an aware one, or a naive one in UTC.
# Seen:     http-sfv returns a naive datetime in the zone of the machine: with TZ=Asia/Tokyo, @1659578233 is
#           10:57:13 instead of 01:57:13. http-sf returns an aware one.
# Matters:  A pipeline whose times are UTC attaches UTC to it and waits nine hours for a reset of the rate
#           limit, or dates a record nine hours late; on a server in UTC no test shows it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet http-sfv==0.9.9 http-sf==1.5.0
TZ=Asia/Tokyo "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import http_sf
import http_sfv

item = http_sfv.Item()
item.parse(b"@1659578233")
hold("http-sfv", (item.value.isoformat(), item.value.tzinfo), ("2022-08-04T10:57:13", None))
hold("http-sf", http_sf.parse(b"@1659578233", tltype="item")[0].isoformat(), "2022-08-04T01:57:13+00:00")
PY
