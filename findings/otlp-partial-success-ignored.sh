#!/usr/bin/env bash
# An OTLP exporter reports success where the receiver has rejected every record
#
# Software: PyPI opentelemetry-exporter-otlp-proto-http 1.45.2 with opentelemetry-sdk 1.45.2
# Expected: OTLP specification, "Partial Success": rejected_log_records says how many records were not accepted;
#           the request is not to be repeated, and error_message is for humans to read.
# Seen:     All three of three records rejected: export returns SUCCESS, force_flush returns True, and nothing
#           is logged, at any level.
# Matters:  An answer with status 200 is the normal way for a collector to say that records do not fit. The
#           records are gone, and neither the program nor its log knows.
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
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

answer = ExportLogsServiceResponse()
answer.partial_success.rejected_log_records = 3
answer.partial_success.error_message = "schema mismatch"
Receiver.reply, Receiver.kind = answer.SerializeToString(), "application/x-protobuf"

logged = []


class Keep(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger("opentelemetry").addHandler(Keep())
logging.getLogger("opentelemetry").setLevel(logging.DEBUG)
exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{server.server_port}/v1/logs")
results = []
export = exporter.export
exporter.export = lambda batch: results.append(export(batch)) or results[-1]
provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
for number in range(3):
    provider.get_logger("audit").emit(LogRecord(timestamp=1, body=f"event {number}"))
hold("force_flush", provider.force_flush(), True)
hold("requests", len(Receiver.requests), 1)
hold("results", [result.name for result in results], ["SUCCESS"])
hold("logged that mentions the rejection", [text for text in logged if "reject" in text or "mismatch" in text], [])
PY
