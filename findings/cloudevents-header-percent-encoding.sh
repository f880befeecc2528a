#!/usr/bin/env bash
# Attributes of a CloudEvent in HTTP headers are neither encoded nor decoded
#
# Software: npm cloudevents 10.0.0; PyPI cloudevents 2.2.0, the API cloudevents.v1; for comparison its API
#           cloudevents.core
# Expected: HTTP Protocol Binding for CloudEvents 1.0.2, section 3.1.3.2: in a header value, space, quotation mark,
#           percent sign and all letters outside of ASCII must be percent-encoded; who receives it must decode it.
# Seen:     Both read ce-subject: Jos%C3%A9%20100%25 as this very text, and both write a subject with such letters
#           as it stands. cloudevents.core reads and writes it by the binding.
# Matters:  Subject and id of an event are others after each hop between two SDKs, so a duplicate is not found by
#           source and id. A percent sign that stays raw is decoded by the next reader that follows the binding.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent cloudevents@10.0.0
cat >check.mjs <<'JS'
import { CloudEvent, HTTP } from "cloudevents";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const headers = { "ce-specversion": "1.0", "ce-type": "login", "ce-source": "/audit", "ce-id": "1" };
const read = HTTP.toEvent({ headers: { ...headers, "ce-subject": "Jos%C3%A9%20100%25" }, body: "" });
hold("read", read.subject, "Jos%C3%A9%20100%25");
const event = new CloudEvent({ type: "login", source: "/audit", id: "1", subject: "José 100%" });
hold("written", HTTP.binary(event).headers["ce-subject"], "José 100%");
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cloudevents==2.2.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from cloudevents.core.bindings.http import HTTPMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as CoreEvent
from cloudevents.v1.conversion import to_binary as to_binary_v1
from cloudevents.v1.http import CloudEvent, from_http

ATTRIBUTES = {"type": "login", "source": "/audit", "id": "1", "specversion": "1.0", "subject": "José 100%"}
HEADERS = {"ce-specversion": "1.0", "ce-type": "login", "ce-source": "/audit", "ce-id": "1"}
HEADERS["ce-subject"] = "Jos%C3%A9%20100%25"
hold("v1, read", from_http(HEADERS, b"")["subject"], "Jos%C3%A9%20100%25")
hold("v1, written", to_binary_v1(CloudEvent(ATTRIBUTES, {}))[0]["ce-subject"], "José 100%")
hold("core, read", from_binary(HTTPMessage(HEADERS, b""), JSONFormat(), CoreEvent).get_subject(), "José 100%")
written = to_binary(CoreEvent(ATTRIBUTES, {}), JSONFormat())
hold("core, written", written.headers["ce-subject"], "Jos%C3%A9%20100%25")
PY
