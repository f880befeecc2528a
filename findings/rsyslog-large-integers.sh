#!/usr/bin/env bash
# Ids above 2**63 become one and the same number in rsyslog
#
# Software: Debian 12 package rsyslog 8.2302.0-1+deb12u2, module mmjsonparse
# Expected: RFC 8259, section 6: numbers of any size are valid, integers are exact between -(2**53)+1 and
#           (2**53)-1; beyond that one expects a rounded number, an error, or the digits. Documentation,
#           mmjsonparse: parses a JSON message into properties.
# Seen:     18446744073709551615 and 12345678901234567890 both become 9223372036854775807, without an error.
#           9007199254740993, 1.10 and 1e400 come out as they went in.
# Matters:  Ids of 64 bits without a sign are common in audit logs. All of them in the upper half become one id
#           behind such a relay, and whoever removes duplicates by it keeps one event.
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
numbers = ["9007199254740993", "1.10", "1e400", "9223372036854775807", "12345678901234567890", "18446744073709551615"]
write = 'action(type="mmjsonparse") action(type="omfile" file="OUT" template="tree")'
lines = received([f'{start}@cee: {{"id": {number}}}' for number in numbers], write)
read = dict(zip(numbers, (line.split(": ")[1].rstrip(" }") for line in lines)))
for number in numbers[:4]:
    hold(f"control, {number}", read[number], number)
hold("two ids above 2**63", [read[number] for number in numbers[4:]], ["9223372036854775807"] * 2)
PY
