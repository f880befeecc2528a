#!/usr/bin/env bash
# A syslog client cuts the end of the line off with the message, and the next message becomes its tail
#
# Software: PyPI pysyslogclient 0.1.1, RFC 3164 over TCP
# Expected: RFC 6587, section 3.4.2: over TCP a line feed ends each message. RFC 3164, section 4.1: a message has
#           1024 bytes at most.
# Seen:     Two messages, the first longer than 1024 bytes: the first is cut to 1024 bytes including its line
#           feed, so that both arrive as one line. Two short messages arrive as two.
# Matters:  After each long event an event of its own is lost as text at the end of another. Counts do not fit,
#           and a search for its host or user by field finds nothing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysyslogclient==0.1.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import socket
import threading


def received(use, proto="udp"):
    """Return the datagrams, or the bytes of the one connection, that reach a socket while use(port) runs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        if proto == "udp":
            count = use(listener.getsockname()[1])
            return [listener.recv(65536).decode() for _ in range(count)]
        listener.listen(1)
        sender = threading.Thread(target=use, args=(listener.getsockname()[1],))
        sender.start()
        connection, _ = listener.accept()
        with connection:
            parts = list(iter(lambda: connection.recv(65536), b""))
        sender.join()
        return b"".join(parts).decode()

import pysyslogclient


def lines(*texts):
    def use(port):
        client = pysyslogclient.SyslogClientRFC3164("127.0.0.1", port, proto="tcp")
        for text in texts:
            client.log(text, hostname="host", program="app")
        client.close()

    return received(use, "tcp").splitlines()


short = lines("one", "two")
hold("control, two short messages", [len(short)] + [line[-9:] for line in short], [2, " app: one", " app: two"])
joined = lines("x" * 1100, "two")
hold("a long one and a short one, lines", len(joined), 1)
hold("a long one and a short one, where the second begins", (joined[0].index("<14>", 1), joined[0][-9:]), (1024, " app: two"))
PY
