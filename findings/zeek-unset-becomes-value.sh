#!/usr/bin/env bash
# A value that Zeek has not set is read as 0, false or a day in 1970
#
# Software: PyPI zat 0.4.9, ZeekLogReader
# Expected: Zeek documentation, "Zeek Log Formats": #unset_field names the text for a value that is not set, which
#           is "-" by default; it is not a value of the type.
# Seen:     auth_success, not set because Zeek could not tell, is read as False; a count and a port as 0, a duration
#           as 0 seconds, a time as the second day of 1970. They equal values that were set so. A text stays "-".
# Matters:  Every SSH connection of which the outcome is not known counts as a failed login, and bytes that nobody
#           counted as no bytes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet zat==0.4.9
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import tempfile

from zat.zeek_log_reader import ZeekLogReader

LOG = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tssh
#fields\tuid\tauth_success\tauth_attempts\tseen\tduration\tclient
#types\tstring\tbool\tcount\ttime\tinterval\tstring
C1\tF\t0\t1772368245.123456\t0.0\tOpenSSH
C2\t-\t-\t-\t-\t-
"""
with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
    file.write(LOG)
    file.flush()
    set_, unset = ZeekLogReader(file.name).readrows()
hold("set", (set_["auth_success"], set_["auth_attempts"], set_["duration"].total_seconds()), (False, 0, 0.0))
hold("not set", (unset["auth_success"], unset["auth_attempts"], unset["duration"].total_seconds()), (False, 0, 0.0))
hold("not set, time", (unset["seen"].year, unset["seen"].month), (1970, 1))
hold("not set, text", unset["client"], "-")
PY
