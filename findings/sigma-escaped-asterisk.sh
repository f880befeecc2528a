#!/usr/bin/env bash
# An escaped asterisk of a Sigma rule becomes a backslash and a wildcard
#
# Software: PyPI pysigma-backend-loki 0.15.1 with pysigma 1.5.1; for comparison pysigma-backend-sqlite 2.0.0;
#           google-re2 1.1.20251105, the regular expressions of LogQL
# Expected: Sigma rules specification, "Escape Character": a wildcard is escaped by a backslash to be a plain
#           character.
# Seen:     From s3:\* the backend for Loki makes s3:\\.*, which finds s3: with a backslash behind it, and not
#           s3:*. The backend for SQLite finds s3:* alone. An asterisk that is not escaped is right in both.
# Matters:  A permission that is given for everything is written with an asterisk. The rule that looks for it
#           never fires in Loki.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-loki==0.15.1 pysigma-backend-sqlite==2.0.0 google-re2==1.1.20251105
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import sqlite3

import re2
from sigma.backends.loki import LogQLBackend
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

RULE = r"""
title: A permission for everything
status: test
logsource:
  product: example
detection:
  selection:
    permission: 'VALUE'
  condition: selection
"""
permissions = ["s3:*", "s3:Get", "s3:\\Get"]
events = sqlite3.connect(":memory:")
events.execute("CREATE TABLE logs (permission)")
events.executemany("INSERT INTO logs VALUES (?)", [(permission,) for permission in permissions])


def sqlite(value):
    (query,) = sqliteBackend().convert(SigmaCollection.from_yaml(RULE.replace("VALUE", value)))
    return [permission for (permission,) in events.execute(query)]


def loki(value):
    (query,) = LogQLBackend().convert(SigmaCollection.from_yaml(RULE.replace("VALUE", value)))
    expression = query.split("permission=~`")[1].rstrip("`")
    return expression, [permission for permission in permissions if re2.fullmatch(expression, permission)]


hold("control, s3:* for SQLite", sqlite("s3:*"), permissions)
hold("control, s3:* for Loki", loki("s3:*"), ("(?i)^s3:.*", permissions))
hold(r"s3:\* for SQLite", sqlite(r"s3:\*"), ["s3:*"])
hold(r"s3:\* for Loki", loki(r"s3:\*"), (r"(?i)^s3:\\.*$", ["s3:\\Get"]))
PY
