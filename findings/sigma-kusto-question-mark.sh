#!/usr/bin/env bash
# A question mark in a rule turns "equals" into "contains", and minds case
#
# Software: PyPI pysigma-backend-kusto 1.0.1 with pysigma 1.5.1; for comparison pysigma-backend-loki 0.15.1
# Expected: Sigma specification, "Detection", "Wildcards" and "General": "?" is one character, a value without
#           modifiers is compared as a whole and without regard to case. Kusto documentation, "matches regex":
#           true where a part of the text matches, with regard to case.
# Seen:     user: admi? is written as user matches regex "admi.": it is true for "not-an-admin-at-all", and
#           false for "ADMIN". The Loki backend writes (?i)^admi.$.
# Matters:  The rule fires for other users and not for the one it names.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-kusto==1.0.1 pysigma-backend-loki==0.15.1
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

import re

from sigma.backends.kusto import KustoBackend
from sigma.backends.loki import LogQLBackend

rule = RULE.format("user: admi?")
hold("Kusto", KustoBackend().convert(SigmaCollection.from_yaml(rule))[0], 'user matches regex "admi."')
found = LogQLBackend().convert(SigmaCollection.from_yaml(rule))[0]
print("Loki:", found)
hold("Loki, pattern", re.search("`(.*)`", found).group(1), "(?i)^admi.$")
hold("the pattern of Kusto in 'not-an-admin-at-all' and 'ADMIN'",
     [bool(re.search("admi.", text)) for text in ("not-an-admin-at-all", "ADMIN")], [True, False])
PY
