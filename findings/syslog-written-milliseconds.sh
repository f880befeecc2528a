#!/usr/bin/env bash
# A syslog writer turns 5 milliseconds into 50
#
# Software: npm glossy 0.1.7 (the writer inside winston-syslog 2.7.1)
# Expected: RFC 3339, section 5.6: the fraction is a decimal one, so 5 ms are ".005".
# Seen:     Milliseconds below 10 are padded to two digits and those from 10 to 99 not at all: 5 ms are written
#           as ".05", 50 ms as ".50".
# Matters:  One event in ten carries a time up to 0.9 s late, and events of one second change their order.
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
const writer = new glossy.Produce({ type: "RFC5424" });
const fraction = (ms) => writer.produce({ facility: "audit", severity: "info", host: "host", appName: "app", pid: "1",
  date: new Date(Date.UTC(2026, 2, 1, 10, 0, 0, ms)), message: "hello" }).match(/\.\d+/)[0];
hold("5 ms", fraction(5), ".05");
hold("50 ms", fraction(50), ".50");
hold("99 ms", fraction(99), ".99");
hold("120 ms", fraction(120), ".120");
const back = glossy.Parse.parse(writer.produce({ facility: "audit", severity: "info", host: "host", appName: "app",
  pid: "1", date: new Date(Date.UTC(2026, 2, 1, 10, 0, 0, 99)), message: "hello" }));
hold("99 ms, read again", back.time.getUTCMilliseconds(), 990);
JS
TZ=UTC node check.mjs
