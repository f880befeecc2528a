#!/usr/bin/env bash
# A quotation mark in a user agent cuts the field off
#
# Software: PyPI clfparser 0.3, apache-log-parser 1.7.0; for comparison apachelogs 0.6.1
# Expected: Apache HTTP Server, mod_log_config, "Format Notes": quotation marks and backslashes inside of %r, %i and
#           %o are written with a backslash before them.
# Seen:     Of "Mozilla \"q\" x" both give Mozilla and a backslash. The rest is dropped without an error. Where the
#           mark is in the request line, clfparser gives empty texts for all fields. apachelogs gives the whole.
# Matters:  User agents, referrers and paths with a quotation mark are cut in the evidence, and a line that has one
#           in the path is counted but holds nothing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet clfparser==0.3 apache-log-parser==1.7.0 apachelogs==0.6.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import apache_log_parser
import apachelogs
from clfparser import CLFParser

START = '192.0.2.1 - frank [10/Oct/2000:13:55:36 -0700] '
FORMAT = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
line = START + r'"GET /a HTTP/1.0" 200 2326 "-" "Mozilla \"q\" x"'
print("line:", line)
hold("clfparser", CLFParser.logDict(line)["Useragent"], '"Mozilla \\"')
hold("apache-log-parser", apache_log_parser.make_parser(FORMAT)(line)["request_header_user_agent"], "Mozilla \\")
hold("apachelogs", apachelogs.LogParser(FORMAT).parse(line).headers_in["User-Agent"], 'Mozilla "q" x')
line = START + r'"GET /a?x=\"y\" HTTP/1.0" 200 2326 "-" "Mozilla"'
print("line:", line)
hold("clfparser, all fields", set(CLFParser.logDict(line).values()), {""})
PY
