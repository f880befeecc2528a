#!/usr/bin/env bash
# A record with a level of one's own is lost, or sent with a level that GELF does not have
#
# Software: PyPI pygelf 0.4.3, graypy 2.1.0
# Expected: Python documentation, logging, "addLevelName" and "Levels": a program may have levels of its own,
#           such as AUDIT = 25. GELF specification, "level": a syslog level, 0 to 7.
# Seen:     pygelf over UDP prints a KeyError and sends nothing; over HTTP the KeyError reaches the program.
#           graypy sends level 25.
# Matters:  The level that somebody made for audit events is the one that does not arrive.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pygelf==0.4.3 graypy==2.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import logging
import socket

import graypy
import pygelf

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
receiver.settimeout(2)
port = receiver.getsockname()[1]
logging.addLevelName(25, "AUDIT")
logging.raiseExceptions = False
for name, handler in (
    ("pygelf", pygelf.GelfUdpHandler("127.0.0.1", port, compress=False)),
    ("graypy", graypy.GELFUDPHandler("127.0.0.1", port, compress=False)),
):
    log = logging.getLogger(name)
    log.propagate = False
    log.setLevel(1)
    log.addHandler(handler)
    log.log(25, "permission granted")
    log.warning("last")
    levels = []
    while True:
        message = json.loads(receiver.recv(65536))
        levels.append((message["short_message"], message["level"]))
        if message["short_message"] == "last":
            break
    hold(name, levels, [("last", 4)] if name == "pygelf" else [("permission granted", 25), ("last", 4)])
PY
