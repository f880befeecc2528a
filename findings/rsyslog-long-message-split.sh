#!/usr/bin/env bash
# rsyslog makes two messages of one, though the sender counted its bytes
#
# Software: Debian 12 package rsyslog 8.2302.0-1+deb12u2, default settings
# Expected: RFC 6587, section 3.4.1: with octet counting the receiver knows where a message ends. RFC 5424,
#           section 6.1: a receiver that gets a longer message than it takes may truncate or discard it; it
#           should take 8192 bytes. Documentation, imtcp, "discardTruncatedMsg", speaks of octet stuffing only.
# Seen:     The default of 8 kB is 8096 bytes. Of a message of 8192 bytes the first 8096 are one message, and
#           the rest is a second one: priority 13 (user.notice), the time of reception, its first word as
#           application.
# Matters:  An audit event that obeys the limit of the standard loses its end, its counterpart looks like an
#           event of its own, and counts no longer fit.
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


start = "<110>1 2026-03-01T10:00:00Z host app 1 login - "
fits = start + "x" * (8096 - len(start))
longer = start + "y" * (8192 - len(start) - 9) + " last=END"
found = received([fits, longer, start + "next"], 'action(type="omfile" file="OUT" template="message")', 4)
hold("sent and stored", (3, len(found)), (3, 4))
hold("of 8096 bytes, stored whole", len(found[0]["msg"]) == 8096 - len(start), True)
hold("of 8192 bytes, lost from the first message", 8192 - len(start) - len(found[1]["msg"]), 96)
hold("second part, priority and end", (found[2]["pri"], (found[2]["app"] + found[2]["msg"])[-8:]), ("13", "last=END"))
hold("next", (found[3]["pri"], found[3]["msg"]), ("110", "next"))
PY
