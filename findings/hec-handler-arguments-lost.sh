#!/usr/bin/env bash
# A Splunk log handler sends "user %s logged in" without the user
#
# Software: PyPI splunk-hec-handler 1.2.0
# Expected: Python documentation, logging, "LogRecord.getMessage": the message of a record is msg with its args
#           merged in; a handler formats the record or calls getMessage.
# Seen:     The event holds msg as it stands in the program: "user %s logged in". The arguments are in no field.
# Matters:  Who, what and from where are the arguments. The event arrives, is counted, and says nothing.
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
log.warning("user %s logged in from %s", "alice", "192.0.2.1")
body = Receiver.requests[0][1].decode()
print("sent:", body)
hold("message", json.loads(body)["event"]["message"], "user %s logged in from %s")
hold("names alice anywhere", "alice" in body, False)
PY
