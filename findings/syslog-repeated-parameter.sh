#!/usr/bin/env bash
# Of a structured-data parameter that is given twice, only one value is kept
#
# Software: PyPI syslog-rfc5424-parser 0.3.2, hat-syslog 0.7.28; Go module github.com/leodido/go-syslog/v4
#           v4.6.0; npm glossy 0.1.7, nsyslog-parser 0.10.1
# Expected: RFC 5424, section 6.3.3: a parameter may be repeated within an element; section 7.2.1 has a sender
#           with more than one address repeat "ip" in [origin].
# Seen:     Four keep the last value and drop the others. nsyslog-parser no longer finds the structured data: it
#           is none, and its text stands in the message. None reports it.
# Matters:  One of two addresses, groups or targets of an audited action is gone, and which one depends on their
#           order.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet syslog-rfc5424-parser==0.3.2 hat-syslog==0.7.28
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from hat.syslog import encoder
from syslog_rfc5424_parser import SyslogMessage

line = '<110>1 2026-03-01T10:00:00.5Z host app 1 login [origin ip="192.0.2.1" ip="192.0.2.129"] hello'
print("line:", line)
hold("syslog-rfc5424-parser", SyslogMessage.parse(line).sd, {"origin": {"ip": "192.0.2.129"}})
hold("hat-syslog", encoder.msg_from_str(line).data, '{"origin": {"ip": "192.0.2.129"}}')
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent glossy@0.1.7 nsyslog-parser@0.10.1
cat >check.mjs <<'JS'
import glossy from "glossy";
import parse from "nsyslog-parser";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const line = '<110>1 2026-03-01T10:00:00.5Z host app 1 login [origin ip="192.0.2.1" ip="192.0.2.129"] hello';
hold("glossy", glossy.Parse.parse(line).structuredData, { origin: { ip: "192.0.2.129" } });
const found = parse(line);
hold("nsyslog-parser, structured data and message", [found.structuredData, found.message],
  [[], 'ip="192.0.2.1" ip="192.0.2.129"] hello']);
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/leodido/go-syslog/v4@v4.6.0 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/leodido/go-syslog/v4/rfc5424"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	line := `<110>1 2026-03-01T10:00:00.5Z host app 1 login [origin ip="192.0.2.1" ip="192.0.2.129"] hello`
	found, err := rfc5424.NewParser().Parse([]byte(line))
	if err != nil {
		panic(err)
	}
	hold("go-syslog", fmt.Sprint(*found.(*rfc5424.SyslogMessage).StructuredData), "map[origin:map[ip:192.0.2.129]]")
}
GO
go run .
