#!/usr/bin/env bash
# A fraction of an hour in an ASN.1 time is read as a fraction of a second
#
# Software: PyPI pyasn1 0.6.5; for comparison ldap3 2.9.1
# Expected: RFC 4517, section 3.3.13: without minutes, the fraction of a GeneralizedTime is one of the hour,
#           without seconds one of the minute.
# Seen:     pyasn1 reads 2026030110.5Z, which is 10:30, as 10:00:00.5, and 202603011000.5Z, which is 10:00:30, as
#           10:00:00.5. ldap3 reads both right, and pyasn1 reads a fraction of a second right.
# Matters:  Directories and certificates have such times. The event is up to an hour early, and nothing shows it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyasn1==0.6.5 ldap3==2.9.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from ldap3.protocol.formatters.formatters import format_time
from pyasn1.type.useful import GeneralizedTime


def both(text):
    return [GeneralizedTime(text).asDateTime.time().isoformat(), format_time(text.encode()).time().isoformat()]


hold("control, seconds", both("20260301100000.5Z"), ["10:00:00.500000", "10:00:00.500000"])
hold("control, no fraction", both("2026030110Z"), ["10:00:00", "10:00:00"])
hold("hour", both("2026030110.5Z"), ["10:00:00.500000", "10:30:00"])
hold("minute", both("202603011000.5Z"), ["10:00:00.500000", "10:00:30"])
PY
