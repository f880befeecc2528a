#!/usr/bin/env bash
# A syslog formatter writes the priority <NaN>
#
# Software: npm pino-syslog 4.0.0
# Expected: RFC 5424, section 6.2.1: the priority is a number of one to three digits. Documentation of pino,
#           customLevels: a logger can have levels of its own.
# Seen:     A record of pino with the level 35, as a level of one's own for audit has, becomes "<NaN>1 2026-..."
#           or, with modern: false, "<NaN>Mar 1 ...". With customLevels in the settings of pino-syslog as well the
#           number is right (<109> for notice), except that emergency becomes an error (<107> in place of <104>).
# Matters:  Receivers drop such a line or take it for a text without a header. It is the level that was made for
#           audit whose events do not arrive.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent pino-syslog@4.0.0
cat >check.mjs <<'JS'
import fs from "node:fs";
import { spawnSync } from "node:child_process";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const record = (level) => JSON.stringify({ level, time: 1772359200000, pid: 1, hostname: "host", msg: "hello" }) + "\n";
function written(settings, level) {
  fs.writeFileSync("settings.json", JSON.stringify({ appname: "app", facility: 13, messageOnly: true, newline: true, ...settings }));
  const run = spawnSync(process.execPath, ["node_modules/pino-syslog/psyslog.js", "-c", "settings.json"], { input: record(level) });
  return run.stdout.toString().split(" ")[0];
}
hold("control, level 30", written({ modern: true }, 30), "<110>1");
const own = (syslogSeverity) => ({ modern: true, customLevels: { audit: { level: 35, syslogSeverity } } });
hold("control, level 35 with customLevels", written(own("notice"), 35), "<109>1");
hold("level 35", written({ modern: true }, 35), "<NaN>1");
hold("level 35, RFC 3164", written({ modern: false }, 35), "<NaN>Mar");
hold("level 35 with customLevels, emergency", written(own("emergency"), 35), "<107>1");
JS
node check.mjs
