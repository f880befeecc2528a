#!/usr/bin/env bash
# An IPv6 address as HOSTNAME shifts the whole header into the message
#
# Software: npm nsyslog-parser 0.10.1; for comparison npm glossy 0.1.7
# Expected: RFC 5424, section 6.2.4: HOSTNAME may be a static or dynamic IP address; IPv6 as in RFC 4291,
#           section 2.2.
# Seen:     With 2001:db8::1 the host is empty, application, process and message id are missing, and the message
#           begins with the address. The type is RFC5424 all the same.
# Matters:  Rules by host, application or message id do not match events of such senders, and nothing says so.
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
const line = "<110>1 2026-03-01T10:00:00.5Z 2001:db8::1 app 12 login - hello";
console.log("line:", line);
const found = parse(line);
hold("nsyslog-parser", [found.type, found.host, found.appName ?? null, found.message],
  ["RFC5424", "", null, "2001:db8::1 app 12 login - hello"]);
hold("glossy", glossy.Parse.parse(line).host, "2001:db8::1");
JS
node check.mjs
