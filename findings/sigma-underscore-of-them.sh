#!/usr/bin/env bash
# A part of a Sigma rule that its name excludes takes part in the condition
#
# Software: PyPI azuma 0.7.3; for comparison pysigma 1.5.1 with pysigma-backend-sqlite 2.0.0
# Expected: Sigma rules specification, "Condition": "1 of them" and "all of them" stand for the search identifiers
#           that do not begin with an underscore.
# Seen:     With selection and _note in a rule, azuma fires "1 of them" for an event that fits _note only, and
#           does not fire "all of them" for an event that fits selection only. pySigma writes a query of selection
#           alone for both.
# Matters:  The same rule raises false alerts in one place, or stays silent, and is right in the other.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet azuma==0.7.3 pysigma==1.5.1 pysigma-backend-sqlite==2.0.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import azuma
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

RULE = """
title: A login
status: test
logsource:
  product: example
detection:
  selection:
    action: login
  _note:
    site: berlin
  condition: CONDITION
"""


def matches(condition, event):
    return azuma.Rule.model_validate_yaml(RULE.replace("CONDITION", condition)).match(event)


def query(condition):
    return sqliteBackend().convert(SigmaCollection.from_yaml(RULE.replace("CONDITION", condition)))[0].split("WHERE ")[1].replace("`", "")


login, note = {"action": "login"}, {"site": "berlin"}
hold("control, selection", [matches("selection", event) for event in (login, note)], [True, False])
hold("pySigma, 1 of them and all of them", [query("1 of them"), query("all of them")], ["action='login'"] * 2)
hold("1 of them, event that fits _note", matches("1 of them", note), True)
hold("all of them, event that fits selection", matches("all of them", login), False)
PY
