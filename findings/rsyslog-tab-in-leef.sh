#!/usr/bin/env bash
# A LEEF event loses its separators in rsyslog
#
# Software: Debian 12 package rsyslog 8.2302.0-1+deb12u2, default settings
# Expected: LEEF, "Event attributes" (IBM Security QRadar): a tab stands between the attributes, in version 1.0
#           always, in 2.0 unless the header names another character. RFC 5424, section 6.4: a message is text of
#           any characters; a receiver may alter control characters.
# Seen:     rsyslog writes "usrName=jane#011src=192.0.2.5#011sev=5", one attribute. It replaces a tab by four
#           characters, which parser.escapeControlCharacterTab (default: on) describes. With that setting off, and
#           with "^" as the separator, the event arrives as it was sent.
# Matters:  A receiver of LEEF behind a relay with default settings finds one attribute, the first, whose value is
#           all the others. The event is counted as received.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download rsyslog=8.2302.0-1+deb12u2 libestr0 libfastjson4 liblognorm5 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
WORK="$work" python3 - <<'PY'
import json
import os
import socket
import subprocess
import sys
import time

work = os.environ["WORK"]
root = work + "/root"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def received(messages, actions, settings=""):
    """Send messages with octet counting to an rsyslogd of our own; return the lines it writes."""
    port, out = free_port(), work + "/out"
    with open(work + "/rsyslog.conf", "w") as file:
        file.write(f"""global(workDirectory="{work}"{settings})
module(load="imtcp")
module(load="mmjsonparse")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")
template(name="message" type="list") {{ property(name="msg") constant(value="\\n") }}
template(name="tree" type="list") {{ property(name="$!all-json") constant(value="\\n") }}
ruleset(name="all") {{ {actions.replace("OUT", out)} }}
""")
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu"
    command = [f"{root}/usr/sbin/rsyslogd", "-n", "-f", work + "/rsyslog.conf", "-i", work + "/pid"]
    command += ["-M", f"{root}/usr/lib/x86_64-linux-gnu/rsyslog"]
    daemon = subprocess.Popen(command, env={**os.environ, "LD_LIBRARY_PATH": libraries}, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        with connection:
            for message in messages:
                connection.sendall(f"{len(message)} {message}".encode())
            lines = []
            while len(lines) < len(messages) and time.monotonic() < end:
                time.sleep(0.1)
                if os.path.exists(out):
                    with open(out) as file:
                        lines = file.read().splitlines()
            os.unlink(out)
            return lines
    finally:
        daemon.terminate()
        daemon.wait(10)


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


start = "<110>1 2026-03-01T10:00:00Z host app 1 login - "
tab, caret = "LEEF:1.0|Vendor|Product|1.0|login|", "LEEF:2.0|Vendor|Product|1.0|login|^|"
attributes = ["usrName=jane", "src=192.0.2.5", "sev=5"]
write = 'action(type="omfile" file="OUT" template="message")'
messages = [start + caret + "^".join(attributes), start + tab + "\t".join(attributes)]
first, second = received(messages, write)
hold("control, another separator", first.split("|")[-1].split("^"), attributes)
hold("tab, attributes", second.split("|")[-1].split("\t"), ["usrName=jane#011src=192.0.2.5#011sev=5"])
_, second = received(messages, write, ' parser.escapeControlCharacterTab="off"')
hold("control, setting off", second.split("|")[-1].split("\t"), attributes)
PY
