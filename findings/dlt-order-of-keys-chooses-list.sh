#!/usr/bin/env bash
# The order of keys in an answer decides which list is the data
#
# Software: PyPI dlt 1.31.0, dlt.sources.helpers.rest_client
# Expected: Documentation, RESTClient, "data_selector": without it the client finds the list of the data in the
#           answer. RFC 8259, section 4: the order of members means nothing.
# Seen:     {"audit_logs": [...], "users": [...]} yields the audit logs, and {"users": [...], "audit_logs":
#           [...]} yields the users. With "entities" beside "audit_logs" it is the entities, in any order.
# Matters:  A service that writes its members in another order after an update fills the table of events with
#           users, and the events are not read; nothing fails.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dlt==1.31.0
RUNTIME__DLTHUB_TELEMETRY=false "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from dlt.sources.helpers.rest_client.detector import find_response_page_data

logs, users = [{"id": "event 1"}, {"id": "event 2"}], [{"id": "user 1"}]
hold("audit_logs first", find_response_page_data({"audit_logs": logs, "users": users})[1], logs)
hold("users first", find_response_page_data({"users": users, "audit_logs": logs})[1], users)
hold("entities last", find_response_page_data({"audit_logs": logs, "entities": users})[1], users)
PY
