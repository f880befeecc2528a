#!/usr/bin/env bash
# An escaped equals sign in a CEF extension cuts the value off
#
# Software: npm nsyslog-parser 0.10.1; PyPI pycef 1.11; for comparison PyPI cefp 0.0.2
# Expected: CEF Implementation Standard, "Character Encoding": "=" in the extension is escaped with a backslash,
#           and belongs to the value. msg=mode\=on now is one field, with the value "mode=on now".
# Seen:     nsyslog-parser takes \= for a separator: msg ends before it, and a field named "mode\\" appears. Two
#           of them in one value lose the text between them. pycef keeps the field whole but leaves the
#           backslashes in it. cefp reads the value.
# Matters:  Every URL with a query and every piece of JSON with "=" in it is cut or altered on arrival, although
#           the sender escaped it rightly.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

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
const line = String.raw`CEF:0|Acme|Audit|1|100|login|3|msg=set mode\=on now act=update request=https://h.example.com/?a\=1&b\=2`;
console.log("line:", line);
hold("nsyslog-parser", parse(line).fields,
  { msg: "set", "mode\\": "on now", act: "update", request: "https://h.example.com/?a\\" });
JS
node check.mjs

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

line = r"CEF:0|Acme|Audit|1|100|login|3|msg=set mode\=on now act=update"
hold("pycef, msg", pycef.parse(line)["msg"], r"set mode\=on now")
hold("cefp, msg", cefp.CEFParser.parse(line)["extension"]["msg"], "set mode=on now")
PY
