#!/usr/bin/env bash
# A syslog library writes the letters "BOM" for the byte order mark, and takes them away
#
# Software: PyPI hat-syslog 0.7.28; for comparison PyPI syslog-rfc5424-parser 0.3.2
# Expected: RFC 5424, section 6: MSG-UTF8 = BOM UTF-8-STRING, BOM = %xEF.BB.BF, which is the character U+FEFF. A
#           text that begins with the word BOM is text.
# Seen:     Every message is written with the three letters before it: any other receiver shows "BOMlogin
#           failed". Read back, a message that begins with the word loses it, and a real mark stays in the text.
# Matters:  Rules that look at the beginning of a message no longer match, and texts such as "BOM 17 changed" (a
#           bill of materials) are altered.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hat-syslog==0.7.28 syslog-rfc5424-parser==0.3.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from hat.syslog import common, encoder
from syslog_rfc5424_parser import SyslogMessage

sent = common.Msg(
    facility=common.Facility.LOG_AUDIT if hasattr(common.Facility, "LOG_AUDIT") else common.Facility(13),
    severity=common.Severity(6), version=1, timestamp=1772359200.5, hostname="host", app_name="app", procid="1",
    msgid="login", data=None, msg="login failed",
)
line = encoder.msg_to_str(sent)
hold("written", line, "<110>1 2026-03-01T10:00:00.500000Z host app 1 login - BOMlogin failed")
hold("text for another receiver", SyslogMessage.parse(line).msg, "BOMlogin failed")
line = "<110>1 2026-03-01T10:00:00.5Z host app 1 login - BOM 17 changed"
hold("read, of 'BOM 17 changed'", encoder.msg_from_str(line).msg, " 17 changed")
line = "<110>1 2026-03-01T10:00:00.5Z host app 1 login - \ufeffhello"
hold("read, of a real mark and 'hello'", encoder.msg_from_str(line).msg, "\ufeffhello")
PY
