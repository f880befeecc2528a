#!/usr/bin/env bash
# The second rel of a link wins, where the standard says the first
#
# Software: PyPI requests 2.34.2, httpx 0.28.1, httplink 0.2.0; npm parse-link-header 2.0.0, li 1.3.0; for
#           comparison PyPI aiohttp 3.14.5
# Expected: RFC 8288, section 3.3: "occurrences after the first MUST be ignored by parsers". A link written as
#           rel="prev"; rel="next" is a link to the previous page.
# Seen:     Five libraries call it the next page; aiohttp calls it prev.
# Matters:  A middle box or a server bug that repeats the parameter sends the reader backwards: it reads pages
#           2, 1, 2, 1 for ever, or ships each event again.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet requests==2.34.2 httpx==0.28.1 httplink==0.2.0 aiohttp==3.14.5
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import asyncio

import aiohttp
import httplink
import httpx
from aiohttp import web
from requests.models import Response

HEADER = '<https://api.example.com/events?page=1>; rel="prev"; rel="next"'
print("header:", HEADER)
response = Response()
response.headers["Link"] = HEADER
hold("requests", list(response.links), ["next"])
hold("httpx", list(httpx.Response(200, headers={"Link": HEADER}).links), ["next"])
hold("httplink", sorted(httplink.parse_link_header(HEADER).links[0].rel), ["next"])


async def keys():
    async def answer(request):
        return web.Response(headers={"Link": HEADER})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as got:
        found = list(got.links)
    await runner.cleanup()
    return found


hold("aiohttp", asyncio.run(keys()), ["prev"])
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent parse-link-header@2.0.0 li@1.3.0
cat >check.mjs <<'JS'
import parse from "parse-link-header";
import li from "li";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const header = '<https://api.example.com/events?page=1>; rel="prev"; rel="next"';
hold("parse-link-header", Object.keys(parse(header)), ["next"]);
hold("li", Object.keys(li.parse(header)), ["next"]);
JS
node check.mjs
