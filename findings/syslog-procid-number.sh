#!/usr/bin/env bash
# A PROCID of digits becomes a number and loses its zeros
#
# Software: PyPI syslog-rfc5424-parser 0.3.2; for comparison Go module github.com/leodido/go-syslog/v4 v4.6.0
# Expected: RFC 5424, section 6.2.6: PROCID is printable text without an interoperable meaning, and may hold an
#           id of a transaction or a process name.
# Seen:     00123 is returned as the integer 123, and written again as 123.
# Matters:  An id with leading zeros changes on the way through a relay, and the type of the field depends on
#           its content: the mapping of an index that first saw a number refuses the next message whose PROCID
#           is text.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet syslog-rfc5424-parser==0.3.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from syslog_rfc5424_parser import SyslogMessage

line = "<110>1 2026-03-01T10:00:00.5Z host app 00123 login - hello"
print("line:", line)
found = SyslogMessage.parse(line)
hold("procid", found.procid, 123)
hold("written again", str(found), "<110>1 2026-03-01T10:00:00.5Z host app 123 login - hello")
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
	found, err := rfc5424.NewParser().Parse([]byte("<110>1 2026-03-01T10:00:00.5Z host app 00123 login - hello"))
	if err != nil {
		panic(err)
	}
	hold("go-syslog", *found.(*rfc5424.SyslogMessage).ProcID, "00123")
}
GO
go run .
