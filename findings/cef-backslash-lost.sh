#!/usr/bin/env bash
# A CEF writer removes backslashes from the values it escapes
#
# Software: PyPI format-cef 0.0.4; read back with cefp 0.0.2
# Expected: CEF Implementation Standard, "Character Encoding": each backslash of a value is written as two. What
#           a reader takes apart is what the writer was given.
# Seen:     format_cef first takes the value for one that is perhaps escaped already, and undoes that: \\server
#           arrives as \server. Each pair of backslashes arrives as one.
# Matters:  A network path is evidence of where a file came from; a search for it finds nothing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet format-cef==0.0.4 six==1.17.0 cefp==0.0.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import cefp
from format_cef import format_cef

for value, known in ((r"\\server\share\file.txt", r"\server\share\file.txt"), (r"pattern \d+", r"pattern \d+")):
    line = format_cef("Acme", "Audit", "1", "100", "read", 3, {"message": value}).decode()
    print("given:  ", value)
    print("written:", line)
    arrived = cefp.CEFParser.parse(line)["extension"]["msg"]
    hold("arrived", arrived, known)
PY
