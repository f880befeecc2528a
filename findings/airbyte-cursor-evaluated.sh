#!/usr/bin/env bash
# A cursor that looks like a literal of Python is sent as another text, or ends the reading
#
# Software: PyPI airbyte-cdk 7.39.1, CursorPaginationStrategy of the declarative framework
# Expected: RFC 8259, section 7: "1e5" is a text. Documentation of Airbyte, CursorPagination: cursor_value is the
#           value of the cursor that defines the next page, such as {{ response['nextPage'] }}; that its text is
#           read as Python is not said.
# Seen:     The text is evaluated: "1e5" becomes 100000.0, "1_000" becomes 1000, "0x1F" becomes 31, "1,2" a pair of
#           numbers. "None" becomes no cursor, which ends the reading. "00123" and "abc" stay as they are.
# Matters:  Some opaque cursors look like numbers, among them hexadecimal ones with an e. The page is then refused,
#           or the run ends early and counts as complete, at a place that nobody can foresee.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet airbyte-cdk==7.39.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json

import requests
from airbyte_cdk.sources.declarative.requesters.paginators.strategies import CursorPaginationStrategy

strategy = CursorPaginationStrategy(cursor_value="{{ response.next }}", config={}, parameters={})


def token(cursor):
    response = requests.Response()
    response.status_code, response._content = 200, json.dumps({"next": cursor}).encode()
    return strategy.next_page_token(response, 1, {"id": 1}, None)


for cursor, known in (
    ("00123", "00123"),
    ("abc", "abc"),
    ("1e5", 100000.0),
    ("1_000", 1000),
    ("0x1F", 31),
    ("1,2", (1, 2)),
    ("None", None),
):
    hold(f"cursor {cursor!r}", token(cursor), known)
PY
