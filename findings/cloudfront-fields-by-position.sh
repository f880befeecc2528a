#!/usr/bin/env bash
# The list of fields in a log of CloudFront is not read
#
# Software: PyPI aws-log-parser 3.0.2
# Expected: W3C "Extended Log File Format", "Directives": Fields says which fields the entries have, and in which
#           order. Documentation of Amazon CloudFront, "Standard logging (v2)": the fields can be chosen, and the
#           file has a header with their names.
# Seen:     The line #Fields is skipped like a comment, and values go by position. With c-ip and x-host-header in
#           each other's place, client_ip is the name of the host, and host_header the address. With fewer fields
#           there is a TypeError.
# Matters:  Whoever chooses the fields of the log gets the host as the address of the client, and no error as long
#           as both are text.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet aws-log-parser==3.0.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from aws_log_parser import AwsLogParser, LogType

FIELDS = """date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)
cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes
time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status
fle-encrypted-fields""".split()
VALUES = dict.fromkeys(FIELDS, "-") | {
    "date": "2026-03-01", "time": "10:00:00", "sc-bytes": "392", "c-ip": "192.0.2.100", "cs-method": "GET",
    "sc-status": "200", "x-host-header": "www.example.com", "cs-bytes": "23", "time-taken": "0.001",
}  # fmt: skip


def read(fields):
    lines = ["#Version: 1.0", "#Fields: " + " ".join(fields), "\t".join(VALUES[name] for name in fields)]
    entry = next(AwsLogParser(log_type=LogType.CloudFront).parse(lines))
    return entry.client_ip, entry.host_header


hold("the usual order", read(FIELDS), ("192.0.2.100", "www.example.com"))
swapped = list(FIELDS)
first, second = swapped.index("c-ip"), swapped.index("x-host-header")
swapped[first], swapped[second] = swapped[second], swapped[first]
hold("two fields in each other's place", read(swapped), ("www.example.com", "192.0.2.100"))
try:
    seen = read(FIELDS[:8])
except TypeError:
    seen = "TypeError"
hold("the first eight fields", seen, "TypeError")
PY
