#!/usr/bin/env bash
# A link with two relation types is found under neither of them
#
# Software: PyPI requests 2.34.2, httpx 0.28.1, aiohttp 3.14.5; Go module github.com/peterhellberg/link v1.2.0;
#           for comparison npm parse-link-header 2.0.0
# Expected: RFC 8288, section 3.3: rel is relation-type *( 1*SP relation-type ), and each relation type in the
#           list is a link of its own. An API may write rel="next last" on the last page but one.
# Seen:     The four use the whole text as the key: the link is under "next last", and a look-up of "next" finds
#           nothing. parse-link-header gives both.
# Matters:  A reader stops one page early. Only the last page is missing, so counts look plausible.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import asyncio

import aiohttp
import httpx
from aiohttp import web
from requests.models import Response

HEADER = '<https://api.example.com/events?page=9>; rel="next last"'
print("header:", HEADER)
response = Response()
response.headers["Link"] = HEADER
hold("requests, keys", list(response.links), ["next last"])
hold("httpx, keys", list(httpx.Response(200, headers={"Link": HEADER}).links), ["next last"])


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


hold("aiohttp, keys", asyncio.run(keys()), ["next last"])
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent parse-link-header@2.0.0
cat >check.mjs <<'JS'
import parse from "parse-link-header";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
hold("parse-link-header, keys", Object.keys(parse('<https://api.example.com/events?page=9>; rel="next last"')), ["next", "last"]);
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/peterhellberg/link@v1.2.0 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/peterhellberg/link"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	links := link.Parse(`<https://api.example.com/events?page=9>; rel="next last"`)
	_, next := links["next"]
	_, both := links["next last"]
	hold("peterhellberg/link, has next, has next last", fmt.Sprint(next, both), "false true")
}
GO
go run .
