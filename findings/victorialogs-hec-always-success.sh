#!/usr/bin/env bash
# An event collector answers "Success" to events that it does not store
#
# Software: Go module github.com/VictoriaMetrics/VictoriaLogs v1.52.2, /services/collector/event
# Expected: Splunk documentation, "Troubleshoot HTTP Event Collector", "Possible error codes": no events in a request is
#           400 with code 5; an event that cannot be read is 400 with code 6, and "invalid-event-number" says which.
# Seen:     200, "Success", code 0 in each of three cases. A request without a body stores nothing. Of three events, of
#           which the second has a word as its time, two are stored. Of two events whose body is cut off in the second,
#           one is stored.
# Matters:  A client of Splunk's protocol takes code 0 as the word that all is in. It moves its offset, and sets nothing
#           aside. A test with an empty body, by which clients prove a token without storing anything, proves nothing.
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

work = os.environ["WORK"]
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
base = f"http://127.0.0.1:{port}"
command = [work + "/bin/victoria-logs", "-httpListenAddr", f"127.0.0.1:{port}", "-storageDataPath", work + "/store"]
server = subprocess.Popen(command, stderr=subprocess.DEVNULL)


def post(body):
    headers = {"Authorization": "Splunk token", "Content-Type": "application/json"}
    request = urllib.request.Request(base + "/services/collector/event", data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def stored(wanted):
    """Return the ids in the store, once there are as many as wanted, or after ten seconds."""
    end = time.monotonic() + 10
    while True:
        with urllib.request.urlopen(base + "/select/logsql/query?query=*", timeout=10) as answer:
            found = sorted(json.loads(line)["event.id"] for line in answer)
        if len(found) >= wanted or time.monotonic() > end:
            return found
        time.sleep(0.2)


def event(name, moment=None):
    return json.dumps({"time": moment or time.time(), "event": {"id": name}})


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


success = (200, {"text": "Success", "code": 0})
try:
    wait_until_ready()
    hold("no body", post(""), success)
    hold("a word as a time", post(event("a") + event("b", "yesterday") + event("c")), success)
    hold("cut off", post(event("d") + event("e")[:-5]), success)
    stored(4)
    time.sleep(2)  # for those that might come later
    hold("stored of a to e", stored(5), ["a", "c", "d"])
finally:
    server.terminate()
    server.wait(20)
PY
