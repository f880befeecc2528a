#!/usr/bin/env bash
# One integer above 2**63 in a record loses all records of its batch
#
# Software: PyPI opentelemetry-exporter-otlp-proto-http 1.45.2 with opentelemetry-sdk 1.45.2
# Expected: OpenTelemetry specification, "Logs Data Model", Body: any value; "Mapping Arbitrary Data to OTLP
#           AnyValue": an integer beyond 64 bits is written as text. At most the record that holds it is lost.
# Seen:     The body {"id": 2**63} in one of three records: no request is made, all three are lost. force_flush
#           returns True. As an attribute the value is dropped and the records are sent.
# Matters:  Unsigned 64-bit ids are common. One such event takes hundreds of neighbours with it, and only a line
#           in the log says so.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


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

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
logging.getLogger("opentelemetry").propagate = False
Receiver.reply, Receiver.kind = b"", "application/x-protobuf"
provider = LoggerProvider()
endpoint = f"http://127.0.0.1:{server.server_port}/v1/logs"
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint)))
log = provider.get_logger("audit")
for number in (1, 2, 3):
    log.emit(LogRecord(timestamp=1, body={"id": number}))
hold("small ids, force_flush and requests", (provider.force_flush(), len(Receiver.requests)), (True, 1))
for number in (1, 2**63, 3):
    log.emit(LogRecord(timestamp=1, body={"id": number}))
hold("one id of 2**63, force_flush and requests", (provider.force_flush(), len(Receiver.requests)), (True, 1))
for number in (1, 2**63, 3):
    log.emit(LogRecord(timestamp=1, body="event", attributes={"id": number}))
hold("as an attribute", (provider.force_flush(), len(Receiver.requests)), (True, 2))
PY
