#!/usr/bin/env bash
# A rule for a literal asterisk matches a backslash instead
#
# Software: PyPI pysigma-backend-loki 0.15.1 with pysigma 1.5.1; for comparison pysigma-backend-splunk 2.1.0
# Expected: Sigma specification, "Escaping": \* is a plain asterisk. The rule role: 'a\*b' is for the text a*b.
# Seen:     The query has the pattern (?i)^a\\.*b$: a backslash, then anything. a*b does not match, a\xb does.
#           The Splunk backend writes a\*b.
# Matters:  Policies such as "s3:*" are what somebody looks for in an audit log of permissions. The rule for it
#           never fires.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysigma==1.5.1 pysigma-backend-loki==0.15.1 pysigma-backend-splunk==2.1.0
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

from sigma.backends.loki import LogQLBackend
from sigma.backends.splunk import SplunkBackend

rule = RULE.format(r"action: 'a\*b'")
found = LogQLBackend().convert(SigmaCollection.from_yaml(rule))[0]
print("Loki:", found)
pattern = re.search("`(.*)`", found).group(1)
hold("pattern", pattern, r"(?i)^a\\.*b$")
hold("matches a*b, a\\xb", [bool(re.search(pattern, text)) for text in ("a*b", r"a\xb")], [False, True])
hold("Splunk", SplunkBackend().convert(SigmaCollection.from_yaml(rule))[0], r'action="a\*b"')
PY
