#!/usr/bin/env bash
# A rule on a nested field never matches in Sentinel
#
# Software: PyPI pysigma-backend-kusto 1.0.1 with pysigma 1.5.1
# Expected: Kusto documentation, "Entity names", "Identifier quoting": a name with other characters than
#           letters, digits and underscores is written ['name'] or ["name"]; "The string data type": 'text' is a
#           string. A path into a dynamic column is written column.part.
# Seen:     The field properties.user is written as 'properties.user' =~ "alice": a comparison of two constant
#           texts, which is false for every row. A name with a space too. The query is valid.
# Matters:  The alert rule is deployed, runs without an error, and will never fire.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-kusto==1.0.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from sigma.collection import SigmaCollection

RULE = """
title: example
status: test
logsource:
    category: audit
detection:
    selection:
        {}
    condition: selection
"""

from sigma.backends.kusto import KustoBackend

for condition, known in (
    ("user: alice", 'user =~ "alice"'),
    ("properties.user: alice", "'properties.user' =~ \"alice\""),
    ("'user name': alice", "'user name' =~ \"alice\""),
):
    hold(condition, KustoBackend().convert(SigmaCollection.from_yaml(RULE.format(condition)))[0], known)
PY
