#!/usr/bin/env bash
# A change from 0 to false, or from 1 to true, is no difference
#
# Software: PyPI dictdiffer 0.10.0; for comparison jsonpatch 1.47
# Expected: RFC 8259, section 3: false, true and numbers are different values of JSON. RFC 6902, section 4.6: values
#           are equal if they are of the same JSON type. Documentation of dictdiffer: diff gives what makes the
#           second document from the first.
# Seen:     diff gives nothing for {"mfa": 1, "admin": 0} and {"mfa": true, "admin": false}, and patch of the first
#           with it leaves the numbers. jsonpatch gives two operations.
# Matters:  The "before" and "after" of a change of settings look the same. A document that is brought up to date
#           with the differences has another digest than the one it should be.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dictdiffer==0.10.0 jsonpatch==1.47
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json

import dictdiffer
import jsonpatch

before, after = json.loads('{"mfa": 1, "admin": 0}'), json.loads('{"mfa": true, "admin": false}')
found = list(dictdiffer.diff(before, after))
hold("dictdiffer", found, [])
hold("dictdiffer, patched", json.dumps(dictdiffer.patch(found, before)), '{"mfa": 1, "admin": 0}')
hold("dictdiffer, 2 and 3", list(dictdiffer.diff({"n": 2}, {"n": 3})), [("change", "n", (2, 3))])
hold("jsonpatch", len(jsonpatch.make_patch(before, after).patch), 2)
PY
