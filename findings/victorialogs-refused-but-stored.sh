#!/usr/bin/env bash
# A log store refuses a bulk request of which it has stored a part
#
# Software: Go module github.com/VictoriaMetrics/VictoriaLogs v1.52.2, default settings
# Expected: Elasticsearch, "Bulk API": items are independent; one that cannot be read has a status of its own in
#           an answer of 200. A 400 says that the request was not carried out.
# Seen:     An event whose time cannot be read, third of four: the answer is 400, the two before it are stored,
#           the one behind it is not. Sent again without it, as the message asks, the first two are there twice,
#           since ids are not kept.
# Matters:  A shipper that sets aside the bad event and sends the rest again makes duplicates; one that gives up
#           the batch counts as lost what has arrived.
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
    events = [event("first"), event("second"), {"id": "bad", "at": "yesterday"}, event("fourth")]
    status, answer = post("/insert/elasticsearch/_bulk?_time_field=at&_msg_field=id", bulk(events))
    print("answer:", answer.strip())
    hold("status", status, 400)
    hold("stored", stored(2), ["first", "second"])
    del events[2]
    status, answer = post("/insert/elasticsearch/_bulk?_time_field=at&_msg_field=id", bulk(events))
    hold("sent again without the bad one", (status, json.loads(answer)["errors"]), (200, False))
    hold("stored", stored(5), ["first", "first", "fourth", "second", "second"])
finally:
    server.terminate()
    server.wait(20)
PY
