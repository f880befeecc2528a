#!/usr/bin/env bash
# A Splunk log handler reads message texts as Python literals
#
# Software: PyPI splunk-hec-handler 1.2.0
# Expected: Docstring of SplunkHecHandler.emit: a string is logged as "message", a dictionary is kept as a JSON
#           object.
# Seen:     Texts that are Python literals change: 1_000 becomes 1000, 0x1F becomes 31, 1e3 becomes 1000.0, None
#           becomes null, 'quoted' loses its quotes, {1,2,1} becomes [1,2]. 00123 stays, being no literal.
# Matters:  Ids and hashes that look like numbers arrive as other texts or as numbers, and one field has many
#           types. Which ones are altered depends on the value.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet splunk-hec-handler==1.2.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging
import threading
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

from splunk_hec_handler import SplunkHecHandler

log = logging.getLogger("audit")
log.propagate = False
log.addHandler(SplunkHecHandler("127.0.0.1", "token", port=server.server_port, proto="http"))
known = {"00123": "00123", "1_000": 1000, "0x1F": 31, "1e3": 1000.0, "None": None, "'quoted'": "quoted", "{1,2,1}": [1, 2]}
for text, value in known.items():
    log.warning(text)
    hold(f"text {text}", json.loads(Receiver.requests[-1][1])["event"]["message"], value)
PY
