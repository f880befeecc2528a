#!/usr/bin/env bash
# An ECS formatter replaces the message by a field whose name begins with "message."
#
# Software: PyPI ecs-logging 2.3.0
# Expected: ECS reference, "Base Fields": message is text, the log message; other conflicts of dotted names
#           raise a TypeError that names the key.
# Seen:     extra={"message.id": "42"} gives "message": {"id": "42"}; the text of the event is gone, without an
#           error. The same with the field event beside event.action raises TypeError.
# Matters:  Messaging systems log message.id and message.key. The event arrives without its text, and an index
#           that has mapped message as text refuses it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ecs-logging==2.3.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging

import ecs_logging


def written(**extra):
    record = logging.LogRecord("audit", logging.INFO, "app.py", 7, "message deleted by alice", (), None)
    record.__dict__.update(extra)
    return json.loads(ecs_logging.StdlibFormatter(exclude_fields=["log.original"]).format(record))


found = written(**{"message.id": "42"})
hold("message", found["message"], {"id": "42"})
hold("alice is anywhere", "alice" in json.dumps(found), False)
try:
    written(**{"event.action": "delete", "event": "x"})
    seen = "written"
except TypeError:
    seen = "TypeError"
hold("event beside event.action", seen, "TypeError")
PY
