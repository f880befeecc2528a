#!/usr/bin/env bash
# The Azure logs client sends chunks larger than the limit that it splits for
#
# Software: PyPI azure-monitor-ingestion 1.1.0
# Expected: Docstring of LogsIngestionClient.upload: the logs are divided into chunks of 1 MB or less. Azure
#           Monitor service limits, "Logs Ingestion API": 1 MB is the most for one call, compressed and
#           uncompressed.
# Seen:     The size of a chunk is the sum of the sizes of its logs, without the brackets and the ", " between
#           them. Ten thousand small logs make one chunk of more than 1,048,576 bytes.
# Matters:  The smaller the events, the more a full chunk is over the limit; the service refuses it whole with
#           413, and with an on_error callback the upload goes on without those events.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet azure-monitor-ingestion==1.1.0 azure-core==1.41.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import gzip
import threading
import time
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

from azure.core.credentials import AccessToken
from azure.monitor.ingestion import LogsIngestionClient


class Credential:
    def get_token(self, *scopes, **options):
        return AccessToken("token", int(time.time()) + 3600)


Receiver.status = 204
client = LogsIngestionClient(f"http://127.0.0.1:{server.server_port}", Credential())
client.upload("dcr-1", "Custom-Audit", [{"n": number % 10} for number in range(200_000)], enforce_https=False)
sizes = [len(gzip.decompress(body)) for _, body in Receiver.requests]
print("sizes of the calls, uncompressed:", sizes)
hold("calls over 1,048,576 bytes", sum(size > 1024 * 1024 for size in sizes), 1)
PY
