#!/usr/bin/env bash
# A Loki transport sends the time NaN for a record with an ISO time
#
# Software: npm pino-loki 3.0.0 with pino 9.14.0
# Expected: Documentation of pino, "pino.stdTimeFunctions": isoTime writes the time of a record as ISO 8601.
#           Documentation of Loki, "Ingest logs": the time of an entry is a text of nanoseconds since 1970.
# Seen:     A record with a time in milliseconds, as by default, or in seconds (unixTime) is sent with the right
#           nanoseconds. With isoTime the text "NaN" is sent, and the transport takes no notice.
# Matters:  Such an entry has no time that a store could take. With batches, which are the default, the entries of
#           all loggers are in one request with it.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent pino-loki@3.0.0 pino@9.14.0
cat >check.mjs <<'JS'
import http from "node:http";
import pino from "pino";
import pinoLoki from "pino-loki";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const bodies = [];
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => { bodies.push(JSON.parse(body)); response.writeHead(204).end(); });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const host = `http://127.0.0.1:${server.address().port}`;
async function sent(timestamp) {
  const written = [];
  pino({ timestamp }, { write: (line) => written.push(line) }).info("hello");
  const stream = pinoLoki({ host, batching: false });
  stream.write(written[0]);
  for (let wait = 0; wait < 100 && bodies.length === 0; wait++) await new Promise((done) => setTimeout(done, 50));
  stream.end();
  return { written: JSON.parse(written[0]).time, time: bodies.shift().streams[0].values[0][0] };
}
const plain = await sent(true);
hold("control, milliseconds", plain.time === `${plain.written}000000`, true);
const seconds = await sent(pino.stdTimeFunctions.unixTime);
hold("control, seconds", seconds.time === `${seconds.written}000000000`, true);
const iso = await sent(pino.stdTimeFunctions.isoTime);
hold("isoTime, time of the record", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(iso.written), true);
hold("isoTime, time sent", iso.time, "NaN");
server.close();
process.exit(0);
JS
node check.mjs
