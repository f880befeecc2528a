#!/usr/bin/env bash
# logger(1) cuts a long argument off, and makes several events of a long line
#
# Software: Debian 12 package bsdutils 1:2.38.1-5+deb12u3 (logger of util-linux 2.38.1)
# Expected: With --octet-count over TCP one message of any length is one frame (RFC 6587, section 3.4.1).
#           logger(1), --size: the largest permitted message size, 1 KiB by default; that the rest is dropped is
#           not said.
# Seen:     Of an argument of 3000 bytes, 1024 are sent, and the exit status is 0. The same text by standard
#           input becomes three messages, each with a header of its own.
# Matters:  Scripts that log JSON with logger send half a document, or three pieces of which none is JSON, and
#           see success.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download bsdutils=1:2.38.1-5+deb12u3 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
WORK="$work" python3 - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os
import re
import socket
import subprocess
import threading

LOGGER = os.environ["WORK"] + "/root/usr/bin/logger"


def sent(arguments, text=None):
    """Run logger against a receiver; return its exit status and the text of each message."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        blocks = []

        def serve():
            connection, _ = listener.accept()
            while block := connection.recv(65536):
                blocks.append(block)

        receiver = threading.Thread(target=serve)
        receiver.start()
        command = [LOGGER, "-n", "127.0.0.1", "-P", str(listener.getsockname()[1]), "-T", "--octet-count"]
        command += ["--rfc5424=notime,notq,nohost", "-t", "app", *arguments]
        status = subprocess.run(command, input=text, text=True, timeout=20).returncode
        receiver.join(20)
    stream, messages = b"".join(blocks).decode(), []
    while stream:
        length, stream = stream.split(" ", 1)
        messages.append(stream[: int(length)].split(" - - - ")[-1])
        stream = stream[int(length) :]
    return status, [len(message) for message in messages]


document = "x" * 3000
hold("as an argument", sent([document]), (0, [1024]))
hold("by standard input", sent([], document + "\n"), (0, [1024, 1024, 952]))
hold("with --size 10000", sent(["--size", "10000", document]), (0, [3000]))
PY
