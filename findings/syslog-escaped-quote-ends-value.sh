#!/usr/bin/env bash
# An escaped quotation mark ends the value of a structured-data parameter
#
# Software: PyPI jc 1.26.1, parser syslog; for comparison syslog-rfc5424-parser 0.3.2
# Expected: RFC 5424, section 6.3.3: a quotation mark inside a value is escaped by a backslash, and belongs to the
#           value.
# Seen:     Of reason="say \"hi\" now" jc gives "say ", without an error. An escaped bracket and an escaped
#           backslash in a value are read right. syslog-rfc5424-parser reads the value to its end.
# Matters:  Commands, queries and names in quotation marks are cut at the first of them. What was run, or on what,
#           is missing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jc==1.26.1 syslog-rfc5424-parser==0.3.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jc
from syslog_rfc5424_parser import SyslogMessage


def value(text):
    line = f'<110>1 2026-03-01T10:00:00Z host app 1 login [a@32473 reason="{text}" user="jane"] hello'
    (found,) = jc.parse("syslog", line, quiet=True)
    return found["structured_data"][0]["parameters"]


hold("control, no quotes", value("say hi"), {"reason": "say hi", "user": "jane"})
hold("control, escaped bracket", value(r"say [hi\]"), {"reason": "say [hi]", "user": "jane"})
hold("control, escaped backslash", value(r"C:\\dir")["reason"], "C:\\dir")
hold("escaped quotes", value(r"say \"hi\" now"), {"reason": "say ", "user": "jane"})
line = r'<110>1 2026-03-01T10:00:00Z host app 1 login [a@32473 reason="say \"hi\" now"] hello'
hold("syslog-rfc5424-parser reads to the end", "now" in SyslogMessage.parse(line).as_dict()["sd"]["a@32473"]["reason"], True)
PY
