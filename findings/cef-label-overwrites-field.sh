#!/usr/bin/env bash
# The label of a custom CEF field overwrites another field
#
# Software: PyPI pycef 1.11
# Expected: CEF Implementation Standard, "Custom Dictionary Extensions": cs1 to cs6 are fields of their own, and
#           cs1Label only says what cs1 means. Two labels may be equal, and a label may be any text, such as
#           "act" or "Severity".
# Seen:     pycef names the value after its label, in the same dictionary as all other fields. A label that
#           equals a standard key replaces that field; of two equal labels the first value is gone; a label
#           "Severity" replaces the severity of the header. Nothing is logged.
# Matters:  Labels come from the mapping of each sender. The action, the user or the severity that an alert
#           looks at becomes another value.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycef==1.11
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import pycef

START = "CEF:0|Acme|Audit|1|100|login|3|"
line = START + "act=login cs1=denied cs1Label=act"
print("line:", line)
hold("act", pycef.parse(line)["act"], "denied")
line = START + "cs1=first cs1Label=note cs2=second cs2Label=note"
print("line:", line)
found = pycef.parse(line)
hold("fields of the extension", {key: found[key] for key in found if key in ("note", "cs1", "cs2")}, {"note": "second"})
line = START + "cs1=low cs1Label=Severity"
print("line:", line)
hold("Severity", pycef.parse(line)["Severity"], "low")
PY
