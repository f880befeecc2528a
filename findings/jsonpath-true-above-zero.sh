#!/usr/bin/env bash
# A JSONPath filter for more than 0 takes true for such a number
#
# Software: PyPI python-jsonpath 2.2.2; for comparison jsonpath-rfc9535 1.0.1, jsonpath-ng 1.16.0
# Expected: RFC 9535, section 2.3.5.2.2: a comparison by order is true only between two numbers or two texts;
#           booleans have no order.
# Seen:     Of true, false, 0 and 2 the filter @.n > 0 takes true and 2, and @.n < 1 takes false and 0; the two
#           others take the numbers alone. By equality, @.n == 1 and @.n >= 1, all three take no boolean.
# Matters:  Flags and counts stand under one name in different versions of a source. A rule for more than no
#           failures fires for a flag, and the same rule written as at least one does not.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-jsonpath==2.2.2 jsonpath-rfc9535==1.0.1 jsonpath-ng==1.16.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jsonpath
import jsonpath_rfc9535
from jsonpath_ng.ext import parse

events = [{"n": True}, {"n": False}, {"n": 0}, {"n": 2}]


def found(condition):
    """Return what python-jsonpath, jsonpath-rfc9535 and jsonpath-ng find."""
    query = f"$[?@.n {condition}].n"
    others = [node.value for node in jsonpath_rfc9535.find(query, events)], [node.value for node in parse(query).find(events)]
    return [repr(values) for values in (jsonpath.findall(query, events), *others)]


hold("control, == 2", found("== 2"), ["[2]"] * 3)
hold("control, == true", found("== true"), ["[True]"] * 3)
hold("control, >= 1", found(">= 1"), ["[2]"] * 3)
hold("> 0", found("> 0"), ["[True, 2]", "[2]", "[2]"])
hold("< 1", found("< 1"), ["[False, 0]", "[0]", "[0]"])
PY
