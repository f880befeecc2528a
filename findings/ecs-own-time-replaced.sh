#!/usr/bin/env bash
# An ECS formatter replaces the time of an event by the time of writing
#
# Software: npm @elastic/ecs-winston-format 1.5.3 with winston 3.19.0
# Expected: Elastic Common Schema, "Base Fields", @timestamp: when the event originated, as a rule when the source
#           generated it. The formatter keeps other ECS fields that a record brings.
# Seen:     A record with an @timestamp of 2020 is written with the time of writing, and its own is nowhere. Of
#           the same record event.action and event.created are kept.
# Matters:  A program that passes on audit events of others this way moves them all to the minute of shipping. A
#           backfill of a year is an hour of events, and the times are not to be had again.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent @elastic/ecs-winston-format@1.5.3 winston@3.19.0
cat >check.mjs <<'JS'
import { Writable } from "node:stream";
import winston from "winston";
import { ecsFormat } from "@elastic/ecs-winston-format";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
let written = "";
const stream = new Writable({ write(chunk, encoding, done) { written += chunk; done(); } });
const logger = winston.createLogger({ format: ecsFormat(), transports: [new winston.transports.Stream({ stream })] });
const before = new Date().toISOString();
logger.info("login", { "@timestamp": "2020-01-01T00:00:00.000Z", "event.action": "login", "event.created": "2020-01-01T00:00:00.000Z" });
const read = JSON.parse(written);
hold("control, other fields are kept", [read["event.action"], read["event.created"]], ["login", "2020-01-01T00:00:00.000Z"]);
hold("time of the event is written", read["@timestamp"] === "2020-01-01T00:00:00.000Z", false);
hold("time of writing is written", read["@timestamp"] >= before, true);
JS
node check.mjs
