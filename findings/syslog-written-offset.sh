#!/usr/bin/env bash
# A syslog writer puts the local offset behind the clock of UTC
#
# Software: npm glossy 0.1.7 (the writer inside winston-syslog 2.7.1)
# Expected: RFC 5424, section 6.2.3: the offset belongs to the local time before it; 10:00Z is 05:00-05:00 in
#           New York.
# Seen:     In New York the instant 10:00Z is written as 10:00-05:00, which is 15:00Z; in Kolkata as
#           10:00+05:30, which is 04:30Z. Only a machine in UTC writes it right.
# Matters:  All events of a server are off by its offset, twice a year by another one, and the SIEM takes them
#           without a complaint.
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
const known = { UTC: "2026-03-01T10:00:00.120Z", "America/New_York": "2026-03-01T15:00:00.120Z",
  "Asia/Kolkata": "2026-03-01T04:30:00.120Z" };
for (const zone of Object.keys(known)) {
  process.env.TZ = zone;
  const line = new glossy.Produce({ type: "RFC5424" }).produce({ facility: "audit", severity: "info", host: "host",
    appName: "app", pid: "1", date: new Date(Date.UTC(2026, 2, 1, 10, 0, 0, 120)), message: "hello" });
  console.log("line:", line);
  hold(`${zone}, instant written`, new Date(line.split(" ")[1]).toISOString(), known[zone]);
}
JS
node check.mjs
