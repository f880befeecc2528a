#!/usr/bin/env bash
# Fields of a log call overwrite those of the handler, or are overwritten by them
#
# Software: PyPI python-logstash-async 4.1.0
# Expected: Docstring of LogstashFormatter._move_extra_record_fields_to_prefix: anything added by the "extra"
#           keyword of the call is moved under the prefix "extra", apart from the event's own fields.
# Seen:     extra host, level, pid and type replace the sending host, the level, the process and the type of the
#           event. extra path, line and process_name are replaced by those of the source file: their values are
#           in no field.
# Matters:  A file audit logs "path" and gets the path of the program's source file. A record about another host
#           is stored as if that host had sent it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-logstash-async==4.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging

from logstash_async.formatter import LogstashFormatter

record = logging.LogRecord("audit", logging.INFO, "/src/app.py", 7, "file read", (), None)
given = {"host": "db1", "level": "low", "pid": 1, "type": "read", "path": "/etc/shadow", "line": 99, "actor": "alice"}
record.__dict__.update(given)
text = LogstashFormatter().format(record)
event = json.loads(text)
hold("top level", {key: event[key] for key in ("host", "level", "pid", "type")}, {"host": "db1", "level": "low", "pid": 1, "type": "read"})
hold("under the prefix", {key: event["extra"][key] for key in ("actor", "path", "line")}, {"actor": "alice", "path": "/src/app.py", "line": 7})
hold("/etc/shadow is anywhere", "/etc/shadow" in text, False)
PY
