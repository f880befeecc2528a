#!/usr/bin/env bash
# LIKE 'curl%' of a STIX pattern does not match a command of two lines
#
# Software: PyPI stix2-matcher 3.0.0
# Expected: STIX 2.1, section 9.6, Comparison Expressions: for LIKE, "%" stands for zero or more characters, and "_"
#           for any one character. A line feed is a character, as it is for LIKE of SQL.
# Seen:     process:command_line LIKE 'curl%' matches "curl -s x", but not the same command that goes on in a second
#           line, and LIKE '%sh' does not match if the line before it is another one. The comparison with = matches
#           the whole text.
# Matters:  Indicators for commands are written with LIKE, and one line feed in the command, for example a continued
#           line of a shell, makes all of them silent.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet stix2-matcher==3.0.0 setuptools==80.9.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import warnings

warnings.simplefilter("ignore")
from stix2matcher.matcher import match


def matches(command, comparison):
    process = {
        "type": "process",
        "spec_version": "2.1",
        "id": "process--b67d30ff-02ac-498a-92f9-32f845f448cf",
        "command_line": command,
    }
    observed = {
        "type": "observed-data",
        "spec_version": "2.1",
        "id": "observed-data--a1b2c3d4-02ac-498a-92f9-32f845f448cf",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "first_observed": "2026-01-01T00:00:00Z",
        "last_observed": "2026-01-01T00:00:00Z",
        "number_observed": 1,
        "object_refs": [process["id"]],
    }
    bundle = {"type": "bundle", "id": "bundle--c1b2c3d4-02ac-498a-92f9-32f845f448cf", "objects": [observed, process]}
    return bool(match(f"[process:command_line {comparison}]", [bundle], stix_version="2.1"))


one, two = "curl -s x | sh", "curl -s x \\\n | sh"
hold("one line, LIKE 'curl%'", matches(one, "LIKE 'curl%'"), True)
hold("two lines, LIKE 'curl%'", matches(two, "LIKE 'curl%'"), False)
hold("one line, LIKE '%sh'", matches(one, "LIKE '%sh'"), True)
hold("two lines, LIKE '%sh'", matches(two, "LIKE '%sh'"), False)
hold("two lines, =", matches(two, "= 'curl -s x \\\\\n | sh'"), True)
PY
