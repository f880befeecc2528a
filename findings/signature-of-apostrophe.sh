#!/usr/bin/env bash
# A signed request with an apostrophe in a parameter is refused by the library of another language
#
# Software: npm http-message-signatures 1.0.6 as the signer; PyPI http-message-signatures 3.0.0 as the verifier
# Expected: RFC 9421, section 2.2.8: the value of @query-param is decoded, and encoded again as the URL standard
#           says in "application/x-www-form-urlencoded serializing"; its set of characters includes !, ', (, ) and
#           ~.
# Seen:     For user=o'brien the signer covers o'brien, the verifier o%27brien, as the standard says, and the
#           signature does not match. For user=brien, and for a space, which both write as %20, it does.
# Matters:  Requests about some users fail, all others pass, so the key and the clock are looked at first. A
#           reader of an API that skips what it may not read loses the events of those users.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent http-message-signatures@1.0.6
cat >check.mjs <<'JS'
import fs from "node:fs";
import { createSigner, httpbis } from "http-message-signatures";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const key = createSigner(Buffer.from("a key of the test, nothing more"), "hmac-sha256", "test");
const signed = {};
for (const user of ["brien", "b%20c", "o'brien"]) {
  const request = { method: "GET", url: `https://example.com/events?user=${user}`, headers: {} };
  const fields = ["@method", '@query-param;name="user"'];
  signed[request.url] = (await httpbis.signMessage({ key, name: "sig", fields, params: ["created", "keyid"] }, request)).headers;
}
fs.writeFileSync("signed.json", JSON.stringify(signed));
hold("npm covers", httpbis.deriveComponent("@query-param", new Map([["name", "user"]]), { method: "GET", url: "https://example.com/events?user=o'brien", headers: {} }), ["o'brien"]);
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet http-message-signatures==3.0.0 requests==2.34.2
export WORK="$work"
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import os

import requests
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return b"a key of the test, nothing more"

    resolve_private_key = resolve_public_key


def verified(user):
    url = f"https://example.com/events?user={user}"
    with open(os.environ["WORK"] + "/signed.json") as file:
        request = requests.Request("GET", url, headers=json.load(file)[url]).prepare()
    request.url = url
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    try:
        (result,) = verifier.verify(request)
    except InvalidSignature as error:
        return str(error)
    return result.covered_components['"@query-param";name="user"']


hold("control, brien", verified("brien"), "brien")
hold("control, a space", verified("b%20c"), "b%20c")
hold("o'brien", verified("o'brien"), "Signature did not match digest.")
PY
