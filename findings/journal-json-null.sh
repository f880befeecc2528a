#!/usr/bin/env bash
# The message of a journal entry is null, a list or a text in JSON
#
# Software: Debian 12 packages systemd and systemd-journal-remote 252.39-1~deb12u2
# Expected: "journalctl -o json" is the form that shippers read. Somebody who has not read the paragraph of
#           journalctl(1) on it takes MESSAGE for a text, as it is in all other outputs.
# Seen:     A message above 4096 bytes is null unless --all is given. One with an escape character, as of
#           colours, is a list of numbers. Given twice, it is a list of texts, of which "-o cat" shows the first
#           only.
# Matters:  Long audit events arrive with an id and without a text, and nothing failed. A mapping of MESSAGE as
#           text refuses the others.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download systemd=252.39-1~deb12u2 systemd-journal-remote=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 libmicrohttpd12 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
libraries="$work/root/lib/x86_64-linux-gnu/systemd:$work/root/usr/lib/x86_64-linux-gnu/systemd:$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu"
export WORK="$work"
python3 - <<'PY'
import os
import struct

entries = [[b"small"], [b"x" * 5000], [b"\x1b[31mred\x1b[0m"], [b"first", b"second"]]
with open(os.environ["WORK"] + "/entries", "wb") as file:
    for number, messages in enumerate(entries, 1):
        file.write(b"__CURSOR=i=%d\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n" % (number, 1772368245000000 + number, number))
        file.write(b"_BOOT_ID=0123456789abcdef0123456789abcdef\nEVENT_ID=%d\n" % number)
        for message in messages:
            file.write(b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n")
        file.write(b"\n")
PY
LD_LIBRARY_PATH="$libraries" "$work/root/lib/systemd/systemd-journal-remote" -o "$work/events.journal" - <"$work/entries" 2>"$work/remote.log"
for options in "-o json" "-o json --all" "-o cat"; do
    LD_LIBRARY_PATH="$libraries" "$work/root/bin/journalctl" --no-pager --file "$work/events.journal" $options >"$work/out${options// /}"
done
python3 - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import os


def lines(name):
    with open(os.environ["WORK"] + "/out" + name, encoding="utf-8") as file:
        return file.read().splitlines()


messages = [json.loads(line)["MESSAGE"] for line in lines("-ojson")]
hold("small", messages[0], "small")
hold("5000 bytes", messages[1], None)
hold("with colours", messages[2], list(b"\x1b[31mred\x1b[0m"))
hold("given twice", messages[3], ["first", "second"])
hold("5000 bytes with --all", len(json.loads(lines("-ojson--all")[1])["MESSAGE"]), 5000)
hold("second in -o cat", "second" in lines("-ocat"), False)
PY
