#!/usr/bin/env bash
# The same Sigma value is compared with or without case, depending on a wildcard
#
# Software: PyPI pysigma-backend-sqlite 2.0.0 with pysigma 1.5.1
# Expected: Sigma rules specification, "String": all values are case-insensitive; "Modifiers", cased: only with it
#           a value is compared by case.
# Seen:     The value Admin finds Admin only, Admi* finds admin and ADMIN as well. A value without a wildcard
#           becomes an equals sign, which SQLite compares by case, one with a wildcard becomes LIKE, which it does
#           not.
# Matters:  Sources write the names of users and hosts in either case. A rule that names one account exactly does
#           not fire for it, while the same rule with an asterisk does; tests with the spelling of the rule pass.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-sqlite==2.0.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import sqlite3

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

RULE = """
title: By this account
status: test
logsource:
  product: example
detection:
  selection:
    CONDITION
  condition: selection
"""
events = sqlite3.connect(":memory:")
events.execute("CREATE TABLE logs (user)")
events.executemany("INSERT INTO logs VALUES (?)", [("Admin",), ("admin",), ("ADMIN",), ("guest",)])


def found(condition):
    (query,) = sqliteBackend().convert(SigmaCollection.from_yaml(RULE.replace("CONDITION", condition)))
    return query.split("WHERE ")[1], [user for (user,) in events.execute(query)]


hold("control, Admi*", found("user: Admi*"), (r"user LIKE 'Admi%' ESCAPE '\'", ["Admin", "admin", "ADMIN"]))
hold("control, contains DMI", found("user|contains: DMI")[1], ["Admin", "admin", "ADMIN"])
hold("control, cased", found("user|cased: Admin")[1], ["Admin"])
hold("Admin", found("user: Admin"), ("user='Admin'", ["Admin"]))
hold("list of two", found("user: [Admin, root]")[1], ["Admin"])
PY
