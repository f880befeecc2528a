#!/usr/bin/env bash
# Of a JSON text sequence, the last text is dropped without a word
#
# Software: Debian 12 package jq 1.6-2.1+deb12u3, option --seq
# Expected: RFC 7464, section 2.1: for a parser, a text ends at the next RS or at the end of the input. Section 2.4:
#           only a number, true, false or null without a line feed behind it may be cut off and is dropped; an
#           object and a list show their own end.
# Seen:     Of RS {"id":1} LF RS {"id":2}, without a last line feed, jq --seq writes the first and ends with
#           success. Without --seq and RS it writes both.
# Matters:  The last event of each file is missing where the writer does not end with a line feed, and no error says
#           so.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download jq=1.6-2.1+deb12u3 libjq1=1.6-2.1+deb12u3 libonig5 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
WORK="$work" python3 - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os
import subprocess

work = os.environ["WORK"]
library = work + "/root/usr/lib/x86_64-linux-gnu"


def read(text, *options):
    done = subprocess.run(
        [work + "/root/usr/bin/jq", "-c", *options, "."], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "LD_LIBRARY_PATH": library},
    )  # fmt: skip
    return done.returncode, done.stdout


hold("with a last line feed", read(b'\x1e{"id":1}\n\x1e{"id":2}\n', "--seq"), (0, b'\x1e{"id":1}\n\x1e{"id":2}\n'))
hold("without it", read(b'\x1e{"id":1}\n\x1e{"id":2}', "--seq"), (0, b'\x1e{"id":1}\n'))
hold("no sequence, without it", read(b'{"id":1}\n{"id":2}'), (0, b'{"id":1}\n{"id":2}\n'))
PY
