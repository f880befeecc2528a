#!/usr/bin/env bash
# A lone backslash in structured data: refused, removed or kept
#
# Software: Go module github.com/leodido/go-syslog/v4 v4.6.0; npm glossy 0.1.7; PyPI hat-syslog 0.7.28; for
#           comparison npm nsyslog-parser 0.10.1
# Expected: RFC 5424, section 6.3.3: a backslash before any other character than a quote, a backslash and "]" is
#           a regular backslash, and the parser must not alter it.
# Seen:     For p="C:\dir\new", go-syslog refuses the message, hat-syslog raises, glossy returns "C:dirnew", and
#           nsyslog-parser returns it as it is.
# Matters:  Senders that do not escape paths are valid by the letter of the standard, and lose the message or
#           the path.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

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
const line = String.raw`<110>1 2026-03-01T10:00:00.5Z host app 1 login [a@32473 p="C:\dir\new"] hello`;
console.log("line:", line);
hold("glossy", glossy.Parse.parse(line).structuredData["a@32473"].p, "C:dirnew");
hold("nsyslog-parser", parse(line).structuredData[0].p, "C:\\dir\\new");
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hat-syslog==0.7.28
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from hat.syslog import encoder

line = r'<110>1 2026-03-01T10:00:00.5Z host app 1 login [a@32473 p="C:\dir\new"] hello'
try:
    seen = encoder.msg_from_str(line).data
except AttributeError as error:
    seen = "AttributeError"
hold("hat-syslog", seen, "AttributeError")
PY

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
	_, err := rfc5424.NewParser().Parse([]byte(`<110>1 2026-03-01T10:00:00.5Z host app 1 login [a@32473 p="C:\dir\new"] hello`))
	hold("go-syslog", fmt.Sprint(err), "expecting chars `]`, `\"`, and `\\` to be escaped within param value [col 62]")
}
GO
go run .
