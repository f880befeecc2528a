#!/usr/bin/env bash
# Structured-data names that differ by case become one, and one value is lost
#
# Software: Debian 12 package rsyslog 8.2302.0-1+deb12u2, module mmpstrucdata
# Expected: RFC 5424, sections 6.3.2 and 6.3.3: SD-ID and PARAM-NAME are case-sensitive.
# Seen:     The default of the module writes names in small letters: eventSource becomes eventsource, and of
#           Id="1" id="2" one value is left.
# Matters:  Queries for the name of the standard or of the sender find nothing, and of two values one is gone.
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


def received(messages, actions, count):
    """Send messages with octet counting to an rsyslogd of our own; return the lines it writes."""
    port = free_port()
    with open(work + "/rsyslog.conf", "w") as file:
        file.write(f'''global(workDirectory="{work}")
module(load="imtcp")
module(load="mmpstrucdata")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")
template(name="message" type="list" option.jsonf="on") {{
    property(outname="pri" name="pri" format="jsonf") property(outname="app" name="app-name" format="jsonf")
    property(outname="msg" name="msg" format="jsonf") }}
template(name="tree" type="list") {{ property(name="$!all-json") constant(value="\\n") }}
ruleset(name="all") {{ {actions.replace("OUT", work + "/out")} }}
''')
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
            while len(lines) < count and time.monotonic() < end:
                time.sleep(0.1)
                if os.path.exists(work + "/out"):
                    with open(work + "/out") as file:
                        lines = file.read().splitlines()
            return [json.loads(line) for line in lines]
    finally:
        daemon.terminate()
        daemon.wait(10)


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


line = '<110>1 2026-03-01T10:00:00Z host app 1 login [a@32473 eventSource="x"][b@32473 Id="1" id="2"] hello'
found = received([line], 'action(type="mmpstrucdata") action(type="omfile" file="OUT" template="tree")', 1)
hold("tree", found[0]["rfc5424-sd"], {"a@32473": {"eventsource": "x"}, "b@32473": {"id": "2"}})
PY
