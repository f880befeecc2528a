#!/usr/bin/env bash
# A schema of several types converts every value to the first of them
#
# Software: PyPI singer-python 6.8.0, singer.Transformer
# Expected: JSON Schema, "type": with a list of types a value is valid if it is of one of them; a text is no
#           boolean, and 1.9 is no integer. Docstring of transform: the types are applied in order, and an error is
#           raised if none matches.
# Seen:     The type is not looked at: each value goes through int(), float() or bool(). With boolean before string,
#           "N", "no" and "0" become true, and only "false" false. With integer before number, 1.9 becomes 1. With
#           number before string, 9007199254740993 becomes 9007199254740992.0 and "1,5" becomes 15.0.
# Matters:  Whether a second factor was used is answered with yes for every text. Ids and amounts are others, and
#           nothing says so: the record fits the schema afterwards.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet singer-python==6.8.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from singer import Transformer

for value, types, known in (
    ("N", ["boolean", "string"], True),
    ("no", ["boolean", "string"], True),
    ("0", ["boolean", "string"], True),
    ("false", ["boolean", "string"], False),
    (1.9, ["integer", "number"], 1),
    (1.9, ["number", "integer"], 1.9),
    (9007199254740993, ["number", "string"], 9007199254740992.0),
    ("1,5", ["number", "string"], 15.0),
):
    schema = {"type": "object", "properties": {"x": {"type": list(types)}}}
    with Transformer() as transformer:
        hold(f"{value!r} with {types}", transformer.transform({"x": value}, schema), {"x": known})
PY
