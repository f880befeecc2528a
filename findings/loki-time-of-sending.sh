#!/usr/bin/env bash
# A Loki log handler sends the time of sending as the time of the record
#
# Software: PyPI python-logging-loki 0.3.1, LokiHandler with version "1"; for comparison version "0" of the same
#           handler
# Expected: Documentation of Python, "LogRecord attributes": created is the time when the record was made. Grafana
#           Loki, "HTTP API", push: the first item of a value is the time of the entry. The README suggests a
#           QueueHandler, which sends later than it logs.
# Seen:     A record of 2026-03-01T12:30:45Z is sent with the time of the machine's clock at the moment of sending;
#           its created is not looked at. With version "0", for Loki before 0.4, the time is right.
# Matters:  Behind a queue each event is late by what it waited. After an outage all of them lie at the minute in
#           which the queue was emptied, and a search by time does not find them where they happened.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-logging-loki==0.3.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import logging_loki


class Receiver(BaseHTTPRequestHandler):
    pushed = []

    def do_POST(self):
        Receiver.pushed.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
record = logging.makeLogRecord({"name": "audit", "msg": "login", "levelname": "INFO", "created": 1772368245.5})
for version in ("1", "0"):
    logging_loki.LokiHandler(f"http://127.0.0.1:{server.server_port}/", tags={}, version=version).handle(record)
newer, older = (pushed["streams"][0] for pushed in Receiver.pushed)
sent = int(newer["values"][0][0]) / 1e9
print("record made at", record.created, "and sent as", sent)
hold("version 1, seconds between the time sent and the clock", round(abs(time.time() - sent)) < 60, True)
hold("version 0", datetime.fromisoformat(older["entries"][0]["ts"].replace("Z", "+00:00")).timestamp(), record.created)
PY
