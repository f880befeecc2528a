#!/usr/bin/env bash
# The CSV of the audit log has no quotation marks, so a comma in a name moves the columns
#
# Software: Debian 12 packages auditd, libauparse0 and libaudit1 1:3.0.9-1 (ausearch)
# Expected: Manual page ausearch(8), --format csv: comma separated values, suitable for import into analytical
#           programs. RFC 4180, section 2: a field with a comma or a quotation mark is enclosed in quotation marks,
#           and each line has the same number of fields.
# Seen:     A login as Smith, John, which the kernel writes in hexadecimal, gives 17 fields under a heading of 16:
#           all behind the comma move by one, so RESULT is "logged-in", and the name is cut. A quotation mark in a
#           name stands in the field as it is.
# Matters:  Names of files and command lines have commas all the time. After the import the results of these events
#           are in another column, and a count of failed logins misses them.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/deb"
cd "$work/deb"
apt-get download auditd=1:3.0.9-1 libauparse0=1:3.0.9-1 libaudit1=1:3.0.9-1 >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; echo "run 'apt-get update' first, on Debian 12"; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" "$work/root"; done
WORK="$work" python3 - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import csv
import os
import subprocess

work = os.environ["WORK"]
libraries = ":".join(work + "/root" + folder for folder in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"))


def read(name):
    with open(work + "/audit.log", "w") as file:
        file.write(
            "type=USER_LOGIN msg=audit(1772368245.123:101): pid=1 uid=0 auid=4294967295 ses=4294967295 "
            f"msg='op=login acct={name.encode().hex().upper()} exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.1 "
            "terminal=sshd res=failed'\n"
        )
    done = subprocess.run(
        [work + "/root/sbin/ausearch", "-if", work + "/audit.log", "--format", "csv"],
        env={**os.environ, "LD_LIBRARY_PATH": libraries}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    print(done.stdout, end="")
    heading, entry = csv.reader(done.stdout.splitlines())
    return len(heading), len(entry), entry[heading.index("SUBJ_PRIME")], entry[heading.index("RESULT")]


hold("John Smith", read("John Smith"), (16, 16, "John Smith", "failed"))
hold("Smith, John", read("Smith, John"), (16, 17, "Smith", "logged-in"))
PY
