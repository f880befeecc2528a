#!/usr/bin/env bash
# A syslog client that is set to Emergency or Kernel sends Informational and Local0
#
# Software: npm syslog-client 1.1.1
# Expected: README, "createClient": severity and facility are the defaults of the client's messages; RFC 5424,
#           table 1 and 2: Kernel and Emergency are the number 0.
# Seen:     createClient with severity Emergency sends priority 134 (local0, informational), as if nothing were
#           set; with severity Alert it sends 129. The option 0 is taken for "not given". Given per message, 0
#           works.
# Matters:  The most severe level is sent as an ordinary one, and no alert rises.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent syslog-client@1.1.1
cat >check.mjs <<'JS'
import dgram from "node:dgram";
import { once } from "node:events";
import syslog from "syslog-client";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const receiver = dgram.createSocket("udp4");
receiver.bind(0, "127.0.0.1");
await once(receiver, "listening");
async function priority(options, message = {}) {
  const client = syslog.createClient("127.0.0.1", { port: receiver.address().port, ...options });
  client.log("hello", message);
  const [bytes] = await once(receiver, "message");
  client.close();
  return bytes.toString().match(/^<\d+>/)[0];
}
hold("severity Alert", await priority({ severity: syslog.Severity.Alert }), "<129>");
hold("severity Emergency", await priority({ severity: syslog.Severity.Emergency }), "<134>");
hold("facility Kernel", await priority({ facility: syslog.Facility.Kernel }), "<134>");
hold("severity Emergency per message", await priority({}, { severity: syslog.Severity.Emergency }), "<128>");
receiver.close();
JS
NODE_NO_WARNINGS=1 node check.mjs
