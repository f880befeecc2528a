#!/usr/bin/env bash
# A wait of 120 seconds is read as the moment 00:02 of 1 January 1970
#
# Software: npm ratelimit-header-parser 0.1.0
# Expected: RFC 9110, section 10.2.3: Retry-After is a number of seconds to wait after the response, or an HTTP
#           date. README: reset is the Date at which the limit is renewed.
# Seen:     Where an answer has RateLimit-Remaining and Retry-After: 120 and no reset header, reset is
#           1970-01-01T00:02:00Z. With an HTTP date it is an invalid Date. With RateLimit-Reset: 120 it is right.
# Matters:  A client that waits until then does not wait at all, and asks again at once while the service wants to
#           be left alone.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent ratelimit-header-parser@0.1.0
cat >check.mjs <<'JS'
import { parseRateLimit } from "ratelimit-header-parser";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const reset = (headers) => parseRateLimit(new Headers({ "RateLimit-Limit": "100", "RateLimit-Remaining": "0", ...headers })).reset;
hold("Retry-After: 120", reset({ "Retry-After": "120" }).toISOString(), "1970-01-01T00:02:00.000Z");
hold("Retry-After with a date", String(reset({ "Retry-After": "Sun, 01 Mar 2026 10:02:00 GMT" })), "Invalid Date");
const seconds = (reset({ "RateLimit-Reset": "120" }) - Date.now()) / 1000;
hold("RateLimit-Reset: 120, two minutes from now", seconds > 60 && seconds < 180, true);
JS
node check.mjs
