#!/usr/bin/env bash
# An ECS formatter writes a datetime as Python source text
#
# Software: PyPI ecs-logging 2.3.0; for comparison PyPI python-logstash-async 4.1.0
# Expected: ECS reference, "Conventions": fields of type date, such as event.start, are ISO 8601 text or
#           numbers.
# Seen:     event.start is "datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.timezone.utc)"; a set is "{1}",
#           bytes are "b'x'". No error is raised.
# Matters:  Elasticsearch refuses the whole document (mapper_parsing_exception), so the event is lost at the
#           receiver although the sender has written it.
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
from datetime import datetime, timezone

import ecs_logging

record = logging.LogRecord("audit", logging.INFO, "app.py", 7, "session ended", (), None)
record.__dict__["event.start"] = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
record.__dict__["groups"] = {1}
found = json.loads(ecs_logging.StdlibFormatter().format(record))
hold("event.start", found["event"]["start"], "datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.timezone.utc)")
hold("groups", found["groups"], "{1}")
PY
