#!/usr/bin/env bash
# A log store answers 201 for each event that it drops
#
# Software: Go module github.com/VictoriaMetrics/VictoriaLogs v1.52.2, default settings
# Expected: Elasticsearch, "Bulk API", response body: each item has a status of its own, and "errors" says
#           whether one failed; 201 is "created". VictoriaLogs documentation, "Elasticsearch bulk API": the
#           endpoint takes what these clients send.
# Seen:     Of four events, one is older than the retention of seven days, one is three days ahead, and one has
#           2,500 fields. The answer is errors: false and four times status 201. One event is stored.
#           /insert/jsonline answers 200 and the Loki endpoint 204 to the same. Only a line in the server's own
#           log tells.
# Matters:  Shipping history into a new store is the usual first step, and events of an audit log are older than
#           a week then. The shipper moves its offset, and nothing of the history is there.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/bin" "$work/store"
cd "$work"
go mod init check >"$work/go.log" 2>&1
GOBIN="$work/bin" go install github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.2 >>"$work/go.log" 2>&1 || { tail "$work/go.log"; exit 1; }
WORK="$work" python3 - <<'PY'
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

work = os.environ["WORK"]
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
base = f"http://127.0.0.1:{port}"
command = [work + "/bin/victoria-logs", "-httpListenAddr", f"127.0.0.1:{port}", "-storageDataPath", work + "/store"]
server = subprocess.Popen(command, stderr=subprocess.DEVNULL)


def post(path, body):
    request = urllib.request.Request(base + path, data=body.encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def stored(wanted):
    """Return the ids in the store, once there are as many as wanted, or after ten seconds."""
    query = {"query": "*", "start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    end = time.monotonic() + 10
    while True:
        with urllib.request.urlopen(base + "/select/logsql/query?" + urllib.parse.urlencode(query), timeout=10) as answer:
            found = sorted(json.loads(line)["_msg"] for line in answer)
        if len(found) >= wanted or time.monotonic() > end:
            return found
        time.sleep(0.2)


def event(name, days=0, **more):
    return {"id": name, "at": (datetime.now(timezone.utc) + timedelta(days=days)).isoformat(), **more}


def bulk(events):
    return "".join(json.dumps({"create": {"_index": "audit"}}) + "\n" + json.dumps(each) + "\n" for each in events)


def wait_until_ready():
    end = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(base + "/health", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


try:
    wait_until_ready()
    events = [event("now"), event("old", -10), event("ahead", 3), event("wide", **{f"key{number}": 1 for number in range(2500)})]
    status, answer = post("/insert/elasticsearch/_bulk?_time_field=at&_msg_field=id", bulk(events))
    answer = json.loads(answer)
    hold("bulk", (status, answer["errors"]), (200, False))
    hold("statuses of the items", [item["create"]["status"] for item in answer["items"]], [201] * 4)
    lines = "\n".join(json.dumps({**each, "id": each["id"] + " by jsonline"}) for each in events)
    hold("jsonline", post("/insert/jsonline?_time_field=at&_msg_field=id", lines), (200, ""))
    time.sleep(3)
    hold("stored", stored(8), ["now", "now by jsonline"])
finally:
    server.terminate()
    server.wait(20)
PY
