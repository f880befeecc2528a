#!/usr/bin/env bash
# A dot in the name of a parameter changes the id of its structured data
#
# Software: Debian 12 package syslog-ng-core 3.38.1-5+deb12u1
# Expected: RFC 5424, section 6: SD-NAME is any printable ASCII except "=", space, "]" and the quote; a dot is a
#           letter as any other. A relay forwards structured data as it came.
# Seen:     [audit@32473 user.id="7"] is written as [audit@32473.user id="7"]: the part before the last dot
#           moves into the id.
# Matters:  Names with dots are those of ECS and OpenTelemetry. Behind the relay neither the id nor the
#           parameter is found, and a digest over the message fails.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download syslog-ng-core=3.38.1-5+deb12u1 libivykis0 libnet1 libpcre3 libwrap0 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
WORK="$work" python3 - <<'PY'
import os
import socket
import subprocess
import sys
import time


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


work = os.environ["WORK"]
root = work + "/root"
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
with open(work + "/syslog-ng.conf", "w") as file:
    file.write(f"""@version: 3.38
options {{ stats-freq(0); }};
source s {{ syslog(ip("127.0.0.1") port({port}) transport("tcp")); }};
destination d {{ file("{work}/out" template("$SDATA $MESSAGE\\n")); }};
log {{ source(s); destination(d); }};
""")
libraries = ":".join(root + folder for folder in ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib/syslog-ng"))
command = [root + "/usr/sbin/syslog-ng", "-F", "-f", work + "/syslog-ng.conf", "--no-caps", "-R", work + "/persist"]
command += ["-p", work + "/pid", "-c", work + "/control", "--module-path", root + "/usr/lib/syslog-ng/3.38"]
daemon = subprocess.Popen(command, env={**os.environ, "LD_LIBRARY_PATH": libraries}, stderr=subprocess.DEVNULL)
lines = []
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
        for data in ('[audit@32473 userid="7"]', '[audit@32473 user.id="7"]'):
            message = f"<110>1 2026-03-01T10:00:00Z host app 1 login {data} hello"
            connection.sendall(f"{len(message)} {message}".encode())
        while len(lines) < 2 and time.monotonic() < end:
            time.sleep(0.1)
            if os.path.exists(work + "/out"):
                with open(work + "/out") as file:
                    lines = file.read().splitlines()
finally:
    daemon.terminate()
    daemon.wait(10)
hold("without a dot", lines[0], '[audit@32473 userid="7"] hello')
hold("with a dot", lines[1], '[audit@32473.user id="7"] hello')
PY
