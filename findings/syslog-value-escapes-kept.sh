#!/usr/bin/env bash
# A syslog library neither undoes nor writes the escapes of structured data
#
# Software: PyPI syslog-rfc5424-parser 0.3.2; for comparison PyPI hat-syslog 0.7.28
# Expected: RFC 5424, section 6.3.3: a quote, a backslash and "]" in PARAM-VALUE are escaped with a backslash. A
#           parser returns the value, a writer escapes it.
# Seen:     The parsed value keeps the backslashes. str() writes values as they are: a value with a quote gives
#           a line that the library itself refuses.
# Matters:  Names and JSON in structured data differ from what was sent, and a record made by the program with a
#           quote in it cannot be read by any receiver.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet syslog-rfc5424-parser==0.3.2 hat-syslog==0.7.28
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from hat.syslog import encoder
from syslog_rfc5424_parser import ParseError, SyslogMessage
from syslog_rfc5424_parser.constants import SyslogFacility, SyslogSeverity

line = r'<110>1 2026-03-01T10:00:00.5Z host app 1 login [a@32473 q="say \"hi\" [x\]"] hello'
print("line:", line)
hold("syslog-rfc5424-parser", SyslogMessage.parse(line).sd["a@32473"]["q"], r'say \"hi\" [x\]')
hold("hat-syslog", encoder.msg_from_str(line).data, r'{"a@32473": {"q": "say \"hi\" [x]"}}')
made = SyslogMessage(SyslogSeverity.info, SyslogFacility.user, msg="hello", sd={"a@32473": {"q": 'say "hi"'}})
hold("written", str(made).split(" ", 6)[6], '[a@32473 q="say "hi""] hello')
try:
    SyslogMessage.parse(str(made))
    seen = "read"
except ParseError:
    seen = "ParseError"
hold("read again", seen, "ParseError")
PY
