#!/usr/bin/env bash
# A Fluentd client sends an error text in place of the record, and returns True
#
# Software: PyPI fluent-logger 0.11.1
# Expected: README: emit returns False if the record could not be sent, and last_error says why.
# Seen:     A record with a datetime or with an integer above 64 bits cannot be packed. emit sends {"level":
#           "CRITICAL", "message": "Can't output to log", "traceback": ...} under the same tag and time, and
#           returns True. No field of the record is in it.
# Matters:  Counts are right on both sides, and the event is gone. The records that look odd are the ones that
#           are lost.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet fluent-logger==0.11.1 msgpack==1.2.4
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import socket
import threading
from datetime import datetime

import msgpack
from fluent.sender import FluentSender

listener = socket.create_server(("127.0.0.1", 0))
received = []
done = threading.Event()


def serve():
    unpacker = msgpack.Unpacker()
    connection, _ = listener.accept()
    while block := connection.recv(65536):
        unpacker.feed(block)
        received.extend(unpacker)
    done.set()


threading.Thread(target=serve, daemon=True).start()
sender = FluentSender("audit", "127.0.0.1", listener.getsockname()[1])
hold("emit, plain", sender.emit("login", {"id": "1"}), True)
hold("emit, with a datetime", sender.emit("login", {"id": "2", "at": datetime(2026, 3, 1)}), True)
hold("emit, with 2**64", sender.emit("login", {"id": "3", "size": 2**64}), True)
sender.close()
done.wait(10)
hold("ids received", [record.get("id") for _, _, record in received], ["1", None, None])
hold("messages received", [record.get("message") for _, _, record in received], [None] + ["Can't output to log"] * 2)
PY
