#!/usr/bin/env bash
# An escaped pipe in a CEF header moves the rest of the record into a field that nobody knows
#
# Software: PyPI pycef 1.11; npm nsyslog-parser 0.10.1; for comparison PyPI cefp 0.0.2
# Expected: CEF Implementation Standard, "Character Encoding": a pipe and a backslash in the header are escaped
#           with a backslash. The name "allow\|deny" is "allow|deny".
# Seen:     pycef ends the header at the field with the backslash: its name is "", there is no severity, and a
#           field named "allow\|deny|3|act" holds the value of act. In an earlier field it raises IndexError.
#           nsyslog-parser returns the name with the backslash. cefp reads it.
# Matters:  The records with the odd names, such as those with a Windows path, are those that do not arrive, or
#           that no rule matches.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycef==1.11 cefp==0.0.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import cefp
import pycef

line = r"CEF:0|Acme|Audit|1|100|allow\|deny|3|act=update"
print("line:", line)
found = pycef.parse(line)
hold("pycef, name", found["Name"], "")
hold("pycef, act", found.get("act"), None)
hold("pycef, unknown field", found[r"allow\|deny|3|act"], "update")
line = r"CEF:0|Acme\|Co|Audit|1|100|login|3|act=update"
try:
    seen = repr(pycef.parse(line))
except IndexError as error:
    seen = f"IndexError: {error}"
hold(f"pycef, {line}", seen, "IndexError: list index out of range")
line = r"CEF:0|Acme|Audit|1|100|allow\|deny|3|act=update"
hold("cefp, name", cefp.CEFParser.parse(line)["name"], "allow|deny")
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent nsyslog-parser@0.10.1
cat >check.mjs <<'JS'
import parse from "nsyslog-parser";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
hold("nsyslog-parser, name", parse(String.raw`CEF:0|Acme|Audit|1|100|allow\|deny|3|act=update`).cef.name, "allow\\|deny");
JS
node check.mjs
