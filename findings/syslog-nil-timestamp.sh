#!/usr/bin/env bash
# A syslog message without a time gets the time of parsing
#
# Software: npm nsyslog-parser 0.10.1; for comparison npm glossy 0.1.7
# Expected: RFC 5424, section 6.2.3: the NILVALUE "-" says that the sender does not know the time. A parser may
#           leave it out.
# Seen:     ts is the moment of the call, of the same form as a time that was sent; the other NILVALUEs come out
#           as the text "-". glossy leaves the time out.
# Matters:  Records read again from a file or a queue get a new time with each run, and nothing tells an event's
#           time from a made-up one.
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
const line = "<110>1 - - - - - - hello";
console.log("line:", line);
const before = Date.now();
const found = parse(line);
console.log("ts:", found.ts);
hold("nsyslog-parser, ts is the present", Math.abs(new Date(found.ts).getTime() - before) < 60000, true);
hold("nsyslog-parser, host", found.host, "-");
hold("glossy, time", glossy.Parse.parse(line).time ?? null, null);
JS
node check.mjs
