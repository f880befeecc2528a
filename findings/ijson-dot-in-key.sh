#!/usr/bin/env bash
# A key with a dot, and a key named item, are read as other places of the document
#
# Software: PyPI ijson 3.6.0, ijson.items
# Expected: RFC 8259, section 4: a name is any string, so "a.b" and b inside of a are two places, and so are the key
#           item and the elements of a list. Documentation, "Prefix": names joined by dots, and item for an element
#           of a list; what holds for a name with a dot is not said.
# Seen:     The prefix event.target.item gives the elements of both lists of {"event.target": [1], "event":
#           {"target": [2]}}. The prefix records.item gives the value of the key item of an object as if it were an
#           event in a list.
# Matters:  Audit records with dotted keys are common (ECS, labels of Kubernetes). A large export is read with a
#           list too many, and nothing tells the values apart.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ijson==3.6.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import io

import ijson


def read(text, prefix):
    return list(ijson.items(io.BytesIO(text), prefix))


hold("dotted key", read(b'{"event.target": [1], "event": {"target": [2]}}', "event.target.item"), [1, 2])
hold("key item", read(b'{"records": {"item": {"id": 1}, "other": {"id": 2}}}', "records.item"), [{"id": 1}])
hold("list", read(b'{"records": [{"id": 1}, {"id": 2}]}', "records.item"), [{"id": 1}, {"id": 2}])
PY
