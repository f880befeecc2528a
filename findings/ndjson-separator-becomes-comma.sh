#!/usr/bin/env bash
# An NDJSON library writes a comma into a text that has a line separator
#
# Software: PyPI ndjson 0.3.1
# Expected: NDJSON specification, section 3.1: lines end with \n; any text of JSON may stand between. RFC 8259,
#           section 7: U+0085, U+2028 and U+2029 need no escape in a string.
# Seen:     loads splits at U+0085, U+2028 and U+2029 too and joins the pieces with a comma inside of the list that
#           it makes: {"note":"a<U+2028>b"} is read as {"note": "a,b"}, without an error. A blank line is an error,
#           as there is nothing between two commas.
# Matters:  Names and comments that were pasted from a document or a web page are altered in the evidence, each time
#           in the same way, so that two copies read with the library agree with each other.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ndjson==0.3.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json

import ndjson

for mark in ("\u0085", "\u2028", "\u2029"):
    line = json.dumps({"note": f"a{mark}b"}, ensure_ascii=False) + "\n"
    print(f"line: {line!r}, read by json: {json.loads(line)!r}")
    hold("ndjson", ndjson.loads(line), [{"note": "a,b"}])
hold("two lines", ndjson.loads('{"id":1}\n{"id":2}\n'), [{"id": 1}, {"id": 2}])
PY
