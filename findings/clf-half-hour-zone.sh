#!/usr/bin/env bash
# A zone of five and a half hours is read as five hours and three minutes
#
# Software: PyPI apache-log-parser 1.7.0
# Expected: Apache HTTP Server, mod_log_config, %t: the zone is a sign and four digits, hours and minutes; +0530 is
#           the time of India.
# Seen:     10/Oct/2000:13:55:36 +0530 is read with the offset +05:03 and is 08:52:36 in UTC instead of 08:25:36;
#           -0330 is read as -03:03. Whole hours are right: the last digit is not read.
# Matters:  Events of servers in India, Nepal, Iran or Newfoundland are 27 or 41 minutes off and do not fit the
#           events of other sources.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet apache-log-parser==1.7.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import apache_log_parser

parse = apache_log_parser.make_parser('%h %l %u %t "%r" %>s %b')


def read(zone):
    line = f'192.0.2.1 - frank [10/Oct/2000:13:55:36 {zone}] "GET /a HTTP/1.0" 200 2326'
    return parse(line)["time_received_utc_isoformat"]


hold("+0530", read("+0530"), "2000-10-10T08:52:36+00:00")
hold("+0545", read("+0545"), "2000-10-10T08:51:36+00:00")
hold("-0330", read("-0330"), "2000-10-10T16:58:36+00:00")
hold("-0700", read("-0700"), "2000-10-10T20:55:36+00:00")
PY
