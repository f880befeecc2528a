#!/usr/bin/env bash
# Priority 0 yields neither facility nor severity
#
# Software: npm glossy 0.1.7
# Expected: RFC 5424, section 6.2.1: "<0>" is facility 0 (kernel), severity 0 (emergency); the parser documents
#           the fields facility, facilityID, severity and severityID.
# Seen:     For <0> all four are missing, for every other priority they are there. The number 0 is taken for
#           "none".
# Matters:  The most severe message of all is the one that a rule "severity at most critical" does not see.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent glossy@0.1.7
cat >check.mjs <<'JS'
import glossy from "glossy";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const read = (pri) => {
  const found = glossy.Parse.parse(`<${pri}>1 2026-03-01T10:00:00.5Z host app 1 panic - hello`);
  return [found.facility ?? null, found.severity ?? null];
};
hold("<8>", read(8), ["user", "emerg"]);
hold("<0>", read(0), [null, null]);
JS
node check.mjs
