#!/usr/bin/env bash
# A syslog client leaves the field of structured data out
#
# Software: PyPI pysyslogclient 0.1.1; for comparison syslog-rfc5424-parser 0.3.2 as the receiver
# Expected: RFC 5424, section 6: STRUCTURED-DATA stands between MSGID and MSG, and is "-" where there is none.
# Seen:     The client writes "... - - user jane has logged in". The receiver refuses it, and takes it once "- "
#           is put before the text. A text that begins with "- " or with a bracket is taken, less its beginning.
# Matters:  Strict receivers drop each message of such a sender, lenient ones take the first word for structured
#           data: the message begins with its second word.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysyslogclient==0.1.1 syslog-rfc5424-parser==0.3.2
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
from syslog_rfc5424_parser import ParseError, SyslogMessage


def sent(text):
    def use(port):
        client = pysyslogclient.SyslogClientRFC5424("127.0.0.1", port)
        client.log(text, program="app", hostname="host")
        client.close()
        return 1

    (line,) = received(use)
    return line.rstrip("\n")


def read(line):
    try:
        message = SyslogMessage.parse(line).as_dict()
    except ParseError:
        return "refused"
    return message["sd"], message["msg"]


line = sent("user jane has logged in")
hold("line behind the time", line.split(" ", 2)[2], "host app - - user jane has logged in")
hold("control, with the field put in", read(line.replace("- - user", "- - - user")), ({}, "user jane has logged in"))
hold("as it is sent", read(line), "refused")
hold("text that begins with a dash", read(sent("- jane has logged in")), ({}, "jane has logged in"))
hold("text that begins with a bracket", read(sent('[x y="z"] logged in')), ({"x": {"y": "z"}}, "logged in"))
PY
