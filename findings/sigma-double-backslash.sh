#!/usr/bin/env bash
# A Sigma rule with a double backslash does not match the path it describes
#
# Software: PyPI azuma 0.7.3; for comparison pysigma 1.5.1
# Expected: Sigma rules specification, "Escape Character": a plain backslash that no wildcard follows can be
#           written as one backslash or as two; four are two.
# Seen:     For azuma CORP\\admin matches a value with two backslashes, and not CORP\admin; CORP\admin and CORP\\*
#           match it. pySigma reads one and two backslashes as the same value.
# Matters:  Rules with doubled backslashes are common, since many are made from regular expressions or by tools
#           that escape. Such a rule never fires, and shows no error.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet azuma==0.7.3 pysigma==1.5.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import azuma
from sigma.types import SigmaString

RULE = """
title: By this account
logsource:
  product: example
detection:
  selection:
    user: 'VALUE'
  condition: selection
"""


def matches(value, user):
    return azuma.Rule.model_validate_yaml(RULE.replace("VALUE", value)).match({"user": user})


user = r"CORP\admin"
hold("control, one backslash", matches(r"CORP\admin", user), True)
hold("control, another account", matches(r"CORP\admin", r"CORP\guest"), False)
hold("control, two and a wildcard", matches(r"CORP\\*", user), True)
hold("pySigma, two are one", SigmaString(r"CORP\\admin") == SigmaString(r"CORP\admin"), True)
hold("two backslashes", matches(r"CORP\\admin", user), False)
hold("two backslashes, value with two", matches(r"CORP\\admin", r"CORP\\admin"), True)
PY
