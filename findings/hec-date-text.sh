#!/usr/bin/env bash
# A time that is given as a date text becomes a moment of 1970, or NaN
#
# Software: npm splunk-logging 0.11.1
# Expected: Documentation of utils.formatTime, through which metadata.time goes: a date string, a timestamp or a
#           Date; the result is seconds since 1970, and null for a time that is malformed. RFC 3339:
#           2026-03-01T12:30:45.123Z is a date string.
# Seen:     2026-03-01T12:30:45.123Z is sent as time 2026.000, which is 33 minutes after midnight of 1 January 1970.
#           Without the fraction it is sent as the text NaN. A Date and a number are right.
# Matters:  Splunk takes the number for the time of the event, so it lies in 1970, and NaN is no time. Whether a
#           time has a fraction decides which.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent splunk-logging@0.11.1
cat >check.mjs <<'JS'
import http from "node:http";
import { once } from "node:events";
import splunk from "splunk-logging";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const sent = [];
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    sent.push(JSON.parse(body).time);
    response.setHeader("Content-Type", "application/json");
    response.end('{"text":"Success","code":0}');
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");
const log = new splunk.Logger({ token: "token", url: `http://127.0.0.1:${server.address().port}` });
async function time(given) {
  await new Promise((done) => log.send({ message: "login", metadata: { time: given } }, done));
  return sent.at(-1);
}
hold("date text with a fraction", await time("2026-03-01T12:30:45.123Z"), "2026.000");
hold("date text", await time("2026-03-01T12:30:45Z"), "NaN");
hold("Date", await time(new Date("2026-03-01T12:30:45.123Z")), "1772368245.123");
hold("number", await time(1772368245.123), "1772368245.123");
server.close();
JS
node check.mjs
