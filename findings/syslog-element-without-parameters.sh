#!/usr/bin/env bash
# A structured-data element without parameters loses its id, or becomes a part of the next one
#
# Software: PyPI jc 1.26.1; npm glossy 0.1.7, nsyslog-parser 0.10.1; for comparison PyPI syslog-rfc5424-parser
#           0.3.2
# Expected: RFC 5424, section 6.3.1: an element is an id in brackets, with no, one or more parameters behind it.
# Seen:     Of [audit@32473] jc gives an element whose id is null, glossy no element, and nsyslog-parser takes it
#           for the beginning of the message. Of [audit@32473][b@32473 p="x"] both of npm make one element with
#           the id "audit@32473][b@32473". syslog-rfc5424-parser gives both elements; with a parameter in each,
#           all four do.
# Matters:  An element without parameters is how a sender marks a message, as audit or as test. The mark is not
#           found, and parameters behind it are looked for under a wrong id.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent glossy@0.1.7 nsyslog-parser@0.10.1
cat >check.mjs <<'JS'
import glossy from "glossy";
import nsyslog from "nsyslog-parser";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const start = "<110>1 2026-03-01T10:00:00Z host app 1 login ";
const ofGlossy = (data) => { const read = glossy.Parse.parse(start + data + " hello"); return [read.structuredData, read.message]; };
const ofNsyslog = (data) => { const read = nsyslog(start + data + " hello"); return [read.structuredData, read.message]; };
const both = '[audit@32473 q="y"][b@32473 p="x"]';
hold("glossy, control", ofGlossy(both), [{ "audit@32473": { q: "y" }, "b@32473": { p: "x" } }, "hello"]);
hold("nsyslog-parser, control", ofNsyslog(both), [[{ $id: "audit@32473", q: "y" }, { $id: "b@32473", p: "x" }], "hello"]);
hold("glossy, alone", ofGlossy("[audit@32473]"), [{}, "hello"]);
hold("nsyslog-parser, alone", ofNsyslog("[audit@32473]"), [[], "[audit@32473] hello"]);
hold("glossy, before another", ofGlossy('[audit@32473][b@32473 p="x"]')[0], { "audit@32473][b@32473": { p: "x" } });
hold("nsyslog-parser, before another", ofNsyslog('[audit@32473][b@32473 p="x"]')[0], [{ $id: "audit@32473][b@32473", p: "x" }]);
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jc==1.26.1 syslog-rfc5424-parser==0.3.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jc
from syslog_rfc5424_parser import SyslogMessage

start = "<110>1 2026-03-01T10:00:00Z host app 1 login "


def of_jc(data):
    (read,) = jc.parse("syslog", f"{start}{data} hello", quiet=True)
    return [(element["identity"], element["parameters"]) for element in read["structured_data"]]


hold("jc, control", of_jc('[audit@32473 q="y"][b@32473 p="x"]'), [("audit@32473", {"q": "y"}), ("b@32473", {"p": "x"})])
hold("jc, before another", of_jc('[audit@32473][b@32473 p="x"]'), [(None, {}), ("b@32473", {"p": "x"})])
read = SyslogMessage.parse(f'{start}[audit@32473][b@32473 p="x"] hello').as_dict()
hold("syslog-rfc5424-parser", (read["sd"], read["msg"]), ({"audit@32473": {}, "b@32473": {"p": "x"}}, "hello"))
PY
