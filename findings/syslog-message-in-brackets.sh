#!/usr/bin/env bash
# A message in brackets is taken for structured data and lost
#
# Software: npm glossy 0.1.7; for comparison npm nsyslog-parser 0.10.1
# Expected: RFC 5424, section 6: STRUCTURED-DATA [SP MSG]. Elements stand side by side; behind a space the
#           message begins, whatever it looks like (section 6.3.5, example 3).
# Seen:     glossy goes on behind the space: the message "[denied] login of alice" arrives as "login of alice",
#           with "denied" nowhere. A message that is all in brackets is empty.
# Matters:  Many programs begin a line with [level] or [module]; after structured data that part is gone.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent glossy@0.1.7 nsyslog-parser@0.10.1
cat >check.mjs <<'JS'
import glossy from "glossy";
import parse from "nsyslog-parser";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const start = '<110>1 2026-03-01T10:00:00.5Z host app 1 login [a@32473 x="1"] ';
for (const [text, known] of [["[denied] login of alice", "login of alice"], ["[login denied]", ""]]) {
  const found = glossy.Parse.parse(start + text);
  hold(`glossy, message of '${text}'`, found.message, known);
  hold("nsyslog-parser", parse(start + text).message, text);
}
JS
node check.mjs
