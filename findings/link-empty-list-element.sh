#!/usr/bin/env bash
# An empty element of the list spoils the link beside it
#
# Software: PyPI requests 2.34.2, httpx 0.28.1; npm li 1.3.0, http-link-header 1.1.4; for comparison PyPI
#           httplink 0.2.0, npm parse-link-header 2.0.0
# Expected: RFC 9110, section 5.6.1.2: a recipient must parse and ignore a reasonable number of empty list
#           elements; two Link fields of which one is empty are joined to exactly this (section 5.3).
# Seen:     requests and httpx name the relation 'next",' and li finds nothing, without an error.
#           http-link-header raises an error. httplink and parse-link-header read it.
# Matters:  A gateway that adds an empty Link field turns every page into the last one.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet requests==2.34.2 httpx==0.28.1 httplink==0.2.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import httplink
import httpx
from requests.models import Response

header = '<https://api.example.com/events?page=2>; rel="next",'
print("header:", header)
response = Response()
response.headers["Link"] = header
hold("requests, keys", list(response.links), ['next",'])
hold("httpx, keys", list(httpx.Response(200, headers={"Link": header}).links), ['next",'])
hold("httplink, has next", "next" in httplink.parse_link_header(header), True)
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent parse-link-header@2.0.0 li@1.3.0 http-link-header@1.1.4
cat >check.mjs <<'JS'
import parse from "parse-link-header";
import li from "li";
import LinkHeader from "http-link-header";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const header = ', <https://api.example.com/events?page=2>; rel="next"';
console.log("header:", header);
hold("li, has next", "next" in li.parse(header), false);
let raised = false;
try { LinkHeader.parse(header); } catch (error) { raised = true; console.log(String(error)); }
hold("http-link-header raises", raised, true);
hold("parse-link-header, has next", "next" in parse(header), true);
JS
node check.mjs
