#!/usr/bin/env bash
# A JSON log formatter writes an exception in the fields of a record as {}
#
# Software: PyPI JSON-log-formatter 1.2.1, JSONFormatter
# Expected: its documentation shows the values of extra as values of the JSON. A date and an address, which JSON does
#           not have, are written as their text, so one expects the text of an exception too.
# Seen:     extra={"error": PermissionError("denied for anna")} becomes "error": {}. The formatter writes the __dict__
#           of an object, which is empty for an exception. An Enum member becomes an object with the internals of its
#           class beside its value.
# Matters:  The reason of a refused access is missing in the audit event, while the key is there, so nobody looks for
#           a fault in the formatter.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet JSON-log-formatter==1.2.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import enum
import io
import ipaddress
import json
import logging

import json_log_formatter


class Outcome(enum.Enum):
    DENIED = "denied"


def written(value):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_log_formatter.JSONFormatter())
    logger = logging.Logger("audit")
    logger.addHandler(handler)
    logger.warning("access refused", extra={"field": value})
    return json.loads(stream.getvalue())["field"]


hold("address", written(ipaddress.ip_address("192.0.2.1")), "192.0.2.1")
hold("exception", written(PermissionError("denied for anna")), {})
hold("exception in a list", written([ValueError("first"), ValueError("second")]), [{}, {}])
hold("member of an Enum, keys", sorted(written(Outcome.DENIED))[:3], ["__objclass__", "_name_", "_sort_order_"])
PY
