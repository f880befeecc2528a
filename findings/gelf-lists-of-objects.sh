#!/usr/bin/env bash
# A GELF client writes [object Object] for each object in a list
#
# Software: npm gelf-pro 1.4.0
# Expected: GELF specification, 1.1: the value of an additional field is a string or a number. README, "Extra": a
#           plain object is made readable, key by key, and other values become strings; that their content is lost,
#           or that two keys meet, is not said.
# Seen:     The list [{"id":"u1"},{"id":"u2"}] becomes the text [object Object],[object Object]. Two keys that are
#           one after flattening, {"a":{"b":1},"a_b":2}, become one field, and 1 is lost. An empty object is left
#           out.
# Matters:  Targets, roles and changes are lists of objects in most audit records. They arrive with the right number
#           of commas and without content, and nothing says so.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent gelf-pro@1.4.0
cat >check.mjs <<'JS'
import dgram from "node:dgram";
import { once } from "node:events";
import zlib from "node:zlib";
import gelf from "gelf-pro";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const receiver = dgram.createSocket("udp4");
receiver.bind(0, "127.0.0.1");
await once(receiver, "listening");
gelf.setConfig({ adapterOptions: { host: "127.0.0.1", port: receiver.address().port } });
async function sent(fields) {
  gelf.info("role changed", fields);
  const [bytes] = await once(receiver, "message");
  const message = JSON.parse(zlib.inflateSync(bytes.subarray(12))); // behind the header of a chunk;
  return Object.fromEntries(Object.entries(message).filter(([key]) => key.startsWith("_")));
}
hold("list of objects", await sent({ targets: [{ id: "u1" }, { id: "u2" }] }),
  { _targets: "[object Object],[object Object]" });
hold("two keys", await sent({ a: { b: 1 }, a_b: 2 }), { _a_b: 2 });
hold("object", await sent({ target: { id: "u1" } }), { _target_id: "u1" });
receiver.close();
JS
node check.mjs
