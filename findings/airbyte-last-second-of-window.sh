#!/usr/bin/env bash
# Events in the last second of each window are never read
#
# Software: PyPI airbyte-cdk 7.39.1
# Expected: Documentation, DatetimeBasedCursor, "cursor_granularity": the smallest step of datetime_format, so
#           that a window does not begin where the one before ended. The windows together cover the whole span.
# Seen:     With a format of seconds, a day's window is 00:00:00 to 23:59:59, and the next begins at 00:00:00. A
#           service with inclusive bounds that keeps milliseconds has no window for 23:59:59.500: the event is
#           in no answer. The state moves on behind it.
# Matters:  One second of each window, with windows of an hour one event in 3,600, is lost for good. No error,
#           no gap is told.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet airbyte-cdk==7.39.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

TIMES = ["2026-03-01T12:00:00.500Z", "2026-03-01T23:59:59.000Z", "2026-03-01T23:59:59.500Z", "2026-03-02T00:00:00.000Z"]
TIMES += ["2026-03-02T23:59:59.999Z", "2026-03-03T12:00:00.000Z"]
asked = []


class Service(BaseHTTPRequestHandler):
    """Answers with the events of a span, both bounds included."""

    def do_GET(self):
        query = dict(parse_qsl(urlsplit(self.path).query))
        asked.append((query["from"], query["to"]))
        first, last = map(datetime.fromisoformat, (query["from"].replace("Z", "+00:00"), query["to"].replace("Z", "+00:00")))
        found = [time for time in TIMES if first <= datetime.fromisoformat(time.replace("Z", "+00:00")) <= last]
        body = json.dumps({"events": [{"id": time, "at": time} for time in found]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

SECONDS = "%Y-%m-%dT%H:%M:%SZ"


def bound(text):
    return {"type": "MinMaxDatetime", "datetime": text, "datetime_format": SECONDS}


def option(name):
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


manifest = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["events"]},
    "streams": [{
        "type": "DeclarativeStream",
        "name": "events",
        "primary_key": ["id"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": f"http://127.0.0.1:{server.server_port}", "path": "/", "http_method": "GET"},
            "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["events"]}},
        },
        "incremental_sync": {
            "type": "DatetimeBasedCursor",
            "cursor_field": "at",
            "datetime_format": SECONDS,
            "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%S.%fZ"],
            "start_datetime": bound("2026-03-01T00:00:00Z"),
            "end_datetime": bound("2026-03-04T00:00:00Z"),
            "step": "P1D",
            "cursor_granularity": "PT1S",
            "start_time_option": option("from"),
            "end_time_option": option("to"),
        },
    }],
}
catalog = ConfiguredAirbyteCatalogSerializer.load({"streams": [{
    "stream": {"name": "events", "json_schema": {}, "supported_sync_modes": ["incremental"]},
    "sync_mode": "incremental", "destination_sync_mode": "append",
}]})
source = ConcurrentDeclarativeSource(catalog=catalog, config={}, state=[], source_config=manifest)
logging.disable(logging.CRITICAL)
messages = list(source.read(logging.getLogger("audit"), {}, catalog, []))
read = sorted(message.record.data["id"] for message in messages if message.type.value == "RECORD")
for window in sorted(asked):
    print("asked:", *window)
hold("never read", sorted(set(TIMES) - set(read)), ["2026-03-01T23:59:59.500Z", "2026-03-02T23:59:59.999Z"])
state = [message.state.stream.stream_state.__dict__ for message in messages if message.type.value == "STATE"][-1]
hold("state", state, {"at": "2026-03-03T12:00:00Z"})
PY
