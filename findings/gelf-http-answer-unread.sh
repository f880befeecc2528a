#!/usr/bin/env bash
# GELF handlers over HTTP do not read the answer, and name a coding that the body does not have
#
# Software: PyPI pygelf 0.4.3, graypy 2.1.0
# Expected: RFC 9110, section 8.4: Content-Encoding lists the codings in the order in which they were applied,
#           and "deflate" is the zlib format. RFC 9110, section 15.5 and 15.6: the status says whether the
#           request was done.
# Seen:     Both send "Content-Encoding: gzip,deflate" over a body that is zlib alone: whoever follows the
#           header cannot read it. Both close the connection without looking at the answer: a 500 for every
#           record is no error to the program.
# Matters:  A full or misconfigured input refuses every event for days, and the sender logs nothing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pygelf==0.4.3 graypy==2.1.0 urllib3==2.8.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import io
import logging
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = []
    status, reply, kind = 200, b"{}", "application/json"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Receiver.requests.append((dict(self.headers), body))
        self.send_response(Receiver.status)
        self.send_header("Content-Type", Receiver.kind)
        self.send_header("Content-Length", str(len(Receiver.reply)))
        self.end_headers()
        try:
            self.wfile.write(Receiver.reply)
        except OSError:
            pass  # the client did not wait for the answer

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()

import graypy
import pygelf
import urllib3

Receiver.status = 500
failures = []
logging.Handler.handleError = lambda self, record: failures.append(record)
for name, handler in (
    ("pygelf", pygelf.GelfHttpHandler("127.0.0.1", server.server_port)),
    ("graypy", graypy.GELFHTTPHandler("127.0.0.1", server.server_port)),
):
    Receiver.requests.clear()
    log = logging.getLogger(name)
    log.propagate = False
    log.addHandler(handler)
    log.warning("hello")
    end = time.monotonic() + 10
    while not Receiver.requests and time.monotonic() < end:
        time.sleep(0.02)
    headers, body = Receiver.requests[0]
    hold(f"{name}, Content-Encoding", headers["Content-Encoding"], "gzip,deflate")
    hold(f"{name}, body is zlib alone", zlib.decompress(body)[:1], b"{")
    try:
        urllib3.HTTPResponse(io.BytesIO(body), headers={"content-encoding": headers["Content-Encoding"]}).data
        seen = "read"
    except urllib3.exceptions.DecodeError:
        seen = "DecodeError"
    hold(f"{name}, decoded as the header says", seen, "DecodeError")
    hold(f"{name}, errors told after a 500", failures, [])
PY
