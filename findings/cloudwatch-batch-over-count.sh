#!/usr/bin/env bash
# A CloudWatch transport sends more events at once than the service takes, and drops them
#
# Software: npm winston-cloudwatch 6.3.0 with winston 3.19.0
# Expected: Amazon CloudWatch Logs, PutLogEvents: a batch has at most 10,000 events and 1,048,576 bytes. README: the
#           batches heed the limits of AWS.
# Seen:     The transport looks at the bytes alone: 12,000 short events go in one call. When the call is refused it
#           is repeated four times at once with the same batch, which has been taken out of the queue before: it is
#           gone. 6,000 events arrive.
# Matters:  After a burst, or when the service was not to be reached for some seconds, the largest batches are the
#           ones that are lost, whole.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent winston-cloudwatch@6.3.0 winston@3.19.0
cat >check.mjs <<'JS'
import winston from "winston";
import CloudWatch from "winston-cloudwatch";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
// The part of the service that counts: it refuses what PutLogEvents refuses.
const calls = [];
let stored = 0;
const service = {
  describeLogStreams: (request, answer) => answer(null, { logStreams: [{ logStreamName: "audit" }] }),
  putLogEvents: (request, answer) => {
    calls.push(request.logEvents.length);
    if (request.logEvents.length > 10000) {
      return answer(Object.assign(new Error("too many events"), { name: "InvalidParameterException" }));
    }
    stored += request.logEvents.length;
    return answer(null, {});
  },
};
async function send(count) {
  calls.length = stored = 0;
  const transport = new CloudWatch({
    cloudWatchLogs: service, logGroupName: "group", logStreamName: "audit", ensureLogGroup: false, uploadRate: 3600000,
  });
  const log = winston.createLogger({ transports: [transport] });
  for (let i = 0; i < count; i += 1) log.info(`event ${i}`);
  await new Promise((done) => setImmediate(done));
  const error = await new Promise((done) => transport.kthxbye(done));
  return { calls, stored, left: transport.logEvents.length, error: error?.message };
}
hold("6000 events", await send(6000), { calls: [6000], stored: 6000, left: 0 });
hold("12000 events", await send(12000), { calls: Array(5).fill(12000), stored: 0, left: 0, error: "too many events" });
JS
node check.mjs
