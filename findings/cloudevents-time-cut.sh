#!/usr/bin/env bash
# A CloudEvents SDK rewrites the time of an event to milliseconds in UTC
#
# Software: npm cloudevents 10.0.0
# Expected: CloudEvents 1.0.2, "time": a timestamp by RFC 3339, which has any number of digits and an offset; an
#           intermediary passes on the attributes of an event as they are.
# Seen:     2026-03-01T10:00:00.123456789+02:00 is 2026-03-01T08:00:00.123Z when the event has been read, and is
#           written so in both modes. An event that is made keeps its text, and is cut when it is written.
# Matters:  Events of one millisecond lose their order, and two events of one source that differ in the microseconds
#           look simultaneous. A digest over the event is another one behind a gateway that uses the SDK.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent cloudevents@10.0.0
cat >check.mjs <<'JS'
import { CloudEvent, HTTP } from "cloudevents";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const text = JSON.stringify({
  specversion: "1.0", type: "login", source: "/audit", id: "1", time: "2026-03-01T10:00:00.123456789+02:00",
});
const event = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: text });
hold("read", event.time, "2026-03-01T08:00:00.123Z");
hold("written, structured", JSON.parse(HTTP.structured(event).body).time, "2026-03-01T08:00:00.123Z");
hold("written, binary", HTTP.binary(event).headers["ce-time"], "2026-03-01T08:00:00.123Z");
const made = new CloudEvent({ type: "login", source: "/audit", time: "2026-03-01T10:00:00.123456Z" });
hold("made", made.time, "2026-03-01T10:00:00.123456Z");
hold("made and written", HTTP.binary(made).headers["ce-time"], "2026-03-01T10:00:00.123Z");
JS
node check.mjs
