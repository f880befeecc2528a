#!/usr/bin/env bash
# JMESPath finds true in a list of 1, and does not when it compares the two
#
# Software: PyPI jmespath 1.1.0; for comparison npm jmespath 0.16.0
# Expected: JMESPath specification, contains(): true if one of the elements is equal to the value; "Equality
#           Operators": true is equal to true only.
# Seen:     In Python contains([1], true) and contains([0], false) are true, and [1] == [true] is true, though 1
#           == true is false. In JavaScript all four are false.
# Matters:  Flags are booleans in one version of a source and 0 or 1 in another. A rule that looks for a true in a
#           list of results fires for a count of 1, and the other way round.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent jmespath@0.16.0
cat >check.mjs <<'JS'
import jmespath from "jmespath";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const search = (expression) => jmespath.search({ one: [1], zero: [0] }, expression);
hold("npm, control, contains 1", search("contains(one, `1`)"), true);
hold("npm", ["contains(one, `true`)", "contains(zero, `false`)", "one == `[true]`", "one[0] == `true`"].map(search), [false, false, false, false]);
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jmespath==1.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jmespath


def search(expression):
    return jmespath.search(expression, {"one": [1], "zero": [0]})


hold("PyPI, control, contains 1", search("contains(one, `1`)"), True)
hold("PyPI, control, 1 == true", search("one[0] == `true`"), False)
hold("PyPI", [search(text) for text in ("contains(one, `true`)", "contains(zero, `false`)", "one == `[true]`")], [True, True, True])
PY
