#!/usr/bin/env bash
# An id of eight digits in the attributes of an audit event becomes a date
#
# Software: PyPI datadog-api-client 2.62.0, AuditApi
# Expected: Datadog API reference, "Audit", attributes: a JSON object of attributes from Audit Logs events. RFC
#           8259, section 7: "20260301" is a string, and stays one.
# Seen:     "20260301" and "2026-03-01" become a date, and to_dict writes both as "2026-03-01T00:00:00.000Z".
#           "03/01/2026" too, as the first of March. "20261301" and "00123" stay. Inside of a further object all
#           stay.
# Matters:  Of numeric ids some are days of the calendar: these few are replaced, and 20260301 and 2026-03-01 become
#           the same. A search by the id in the evidence misses exactly them.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datadog-api-client==2.62.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.audit_api import AuditApi

ATTRIBUTES = {"a": "20260301", "b": "2026-03-01", "c": "03/01/2026", "d": "20261301", "e": "00123", "f": {"g": "20260301"}}


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        event = {"id": "1", "type": "audit", "attributes": {"attributes": ATTRIBUTES}}
        body = json.dumps({"data": [event]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
configuration = Configuration(host=f"http://127.0.0.1:{server.server_port}")
configuration.api_key.update(apiKeyAuth="key", appKeyAuth="key")
with ApiClient(configuration) as client:
    answer = AuditApi(client).list_audit_logs()
    seen = answer.to_dict()["data"][0]["attributes"]["attributes"]
DAY = "2026-03-01T00:00:00.000Z"
print("sent:", ATTRIBUTES)
hold("received", seen, {**ATTRIBUTES, "a": DAY, "b": DAY, "c": DAY})
hold("type of the first", type(answer.data[0].attributes.attributes["a"]).__name__, "date")
PY
