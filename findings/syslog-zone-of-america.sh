#!/usr/bin/env bash
# A syslog client puts the zone +18:00 or +19:00 behind the clock of New York
#
# Software: PyPI pysyslogclient 0.1.1
# Expected: RFC 5424, section 6.2.3: the offset is the one of the time, with a sign, and a colon between hours and
#           minutes.
# Seen:     With TZ=America/New_York a time that is given, noon on 1 March, gets "+1800" or "+1900", by chance:
#           the difference of two calls of the clock, minus five hours, is taken for a positive one, a microsecond
#           short or not. In India the minutes are missing. A message without a time of its own is written in UTC
#           with a Z, which is right.
# Matters:  Events that are shipped with their own time land a day away from those of other senders, and two of
#           the same second are an hour apart. Strict receivers refuse the form without the colon.
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

from datetime import datetime
import os
import re
import time

import pysyslogclient


def zones(place, moment):
    """Return the zones of a hundred messages."""
    os.environ["TZ"] = place
    time.tzset()

    def use(port):
        client = pysyslogclient.SyslogClientRFC5424("127.0.0.1", port)
        for _ in range(100):
            client.log("- hello", timestamp=moment)
        client.close()
        return 100

    return {re.match(r"<14>1 [-\dT:.]+([Z+-]\d*) ", text)[1] for text in received(use)}


noon = datetime(2026, 3, 1, 12)
hold("control, no time given", zones("America/New_York", None), {"Z"})
hold("New York, only these two", zones("America/New_York", noon) <= {"+1800", "+1900"}, True)
hold("India, only whole hours", zones("Asia/Kolkata", noon), {"+0500"})
PY
