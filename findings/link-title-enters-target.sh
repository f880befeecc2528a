#!/usr/bin/env bash
# aiohttp puts a part of the title into the URL of the next page
#
# Software: PyPI aiohttp 3.14.5; for comparison httpx 0.28.1
# Expected: RFC 8288, section 3: the target ends at the first ">" after "<"; ">" may stand in a quoted string of
#           a later parameter.
# Seen:     The target is taken up to the last ">", so '>; title="a' becomes a part of the cursor. The URL is
#           valid and is asked.
# Matters:  The service gets another cursor than it gave: at best it refuses it, at worst it starts at the first
#           page again.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet aiohttp==3.14.5 httpx==0.28.1
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

HEADER = '<https://api.example.com/events?cursor=2>; title="older > newer"; rel="next"'
print("header:", HEADER)


async def target():
    async def answer(request):
        return web.Response(headers={"Link": HEADER})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as got:
        found = got.links["next"]["url"].query["cursor"]
    await runner.cleanup()
    return found


hold("httpx, URL", httpx.Response(200, headers={"Link": HEADER}).links["next"]["url"], "https://api.example.com/events?cursor=2")
hold("aiohttp, cursor", asyncio.run(target()), '2>; title="older ')
PY
