#!/usr/bin/env bash
# An event that the end of the stream cuts off is given out as a whole one
#
# Software: PyPI sseclient-py 1.9.0; for comparison httpx-sse 0.4.3
# Expected: HTML standard, "Server-sent events", 9.2.6: once the end of the stream is reached, any pending data must
#           be discarded; an event without its blank line is not dispatched.
# Seen:     Of an event with id 7 and two lines of data, of which the stream ends after the first, SSEClient gives
#           id 7 and the first line. httpx-sse gives nothing.
# Matters:  The reader takes half an event for the whole and goes on behind its id after the connection has broken.
#           The service then sends what follows, and the other half is never read.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet sseclient-py==1.9.0 httpx-sse==0.4.3 httpx==0.28.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import httpx
import httpx_sse
import sseclient

BODY = b"id: 6\ndata: first\n\nid: 7\ndata: second\n"


class Stream:
    def __iter__(self):
        yield BODY

    def close(self):
        pass


hold("sseclient-py", [(e.id, e.data) for e in sseclient.SSEClient(Stream()).events()], [("6", "first"), ("7", "second")])
response = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=BODY)
hold("httpx-sse", [(e.id, e.data) for e in httpx_sse.EventSource(response).iter_sse()], [("6", "first")])
PY
