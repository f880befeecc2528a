#!/usr/bin/env bash
# requests and httpx lose rel="next" behind a semicolon or a parameter without a value
#
# Software: PyPI requests 2.34.2, httpx 0.28.1; for comparison httplink 0.2.0, npm http-link-header 1.1.4
# Expected: RFC 8288, section 3: link-value = "<" URI-Reference ">" *( OWS ";" OWS link-param ), link-param =
#           token BWS [ "=" BWS ( token / quoted-string ) ]. A ";" inside "<...>" or inside a quoted string
#           separates nothing, and a parameter needs no value. Section 3.2 of RFC 3986 and its grammar for
#           segments allow ";" in a path and in a query.
# Seen:     Both split the whole link at ";". With ";" in the target, the URL is cut at it and rel is gone. With
#           ";" in a title, or a parameter without "=", all parameters behind it are gone. The link then stands
#           in .links under its URL, without rel.
# Matters:  "No next link" is how a paged audit API says that the list ends. The reader stops after one page,
#           and all later events are silently missing.
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

cases = {
    "semicolon in the target": '<https://api.example.com/events;v=2?cursor=2>; rel="next"',
    "semicolon in a title": '<https://api.example.com/events?cursor=2>; title="page 2; newest first"; rel="next"',
    "parameter without a value": '<https://api.example.com/events?cursor=2>; deprecated; rel="next"',
}
for name, header in cases.items():
    print(f"-- {name}: {header}")
    response = Response()
    response.headers["Link"] = header
    hold("requests, has next", "next" in response.links, False)
    hold("httpx, has next", "next" in httpx.Response(200, headers={"Link": header}).links, False)
    if "without" not in name:
        hold("httplink, has next", "next" in httplink.parse_link_header(header), True)
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent http-link-header@1.1.4
cat >check.mjs <<'JS'
import LinkHeader from "http-link-header";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
hold("http-link-header, next", LinkHeader.parse('<https://api.example.com/events;v=2?cursor=2>; rel="next"').rel("next").length, 1);
JS
node check.mjs
