#!/usr/bin/env bash
# A canonical form cannot be made canonical again
#
# Software: PyPI rfc8785 0.1.4; for comparison PyPI jcs 0.2.1
# Expected: RFC 8785, section 3.2.2.3: 1e20 is written as 100000000000000000000, by the rules of ECMAScript.
#           Canonical text is JSON; parsed and written again it is the same text.
# Seen:     dumps(1e20) writes 100000000000000000000. json.loads gives the integer, and dumps raises
#           IntegerDomainError for it. This holds for all floats from 2**53 to 1e21 that are whole numbers.
# Matters:  A verifier that parses a stored record and makes it canonical fails on records that the same library
#           has written: good evidence looks broken.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rfc8785==0.1.4 jcs==0.2.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json

import jcs
import rfc8785

text = rfc8785.dumps({"bytes": 1e20})
hold("written", text, b'{"bytes":100000000000000000000}')
try:
    seen = rfc8785.dumps(json.loads(text))
except rfc8785.IntegerDomainError:
    seen = "IntegerDomainError"
hold("written again", seen, "IntegerDomainError")
hold("jcs", jcs.canonicalize(json.loads(text)), text)
PY
