#!/usr/bin/env bash
# A time in EST is five hours off, without an error
#
# Software: Go module github.com/araddon/dateparse v0.0.0-20210429162001-6b43995a97de; PyPI python-dateutil
#           2.9.0.post0; for comparison PyPI dateparser 1.5.0
# Expected: RFC 5322, section 4.3: EST is equivalent to -0500, as in "Sun, 01 Mar 2026 12:30:45 EST". A parser
#           that does not know a name returns an error.
# Seen:     dateparse returns 12:30:45 UTC and no error. dateutil returns a naive time, with a warning that is
#           off by default in most programs. dateparser and Python's email.utils return -05:00.
# Matters:  Headers and logs of older systems carry such names; their events are hours off, by an amount that
#           depends on the season.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-dateutil==2.9.0.post0 dateparser==1.5.0
TZ=UTC "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import warnings
from email.utils import parsedate_to_datetime

import dateparser
import dateutil.parser

warnings.simplefilter("ignore")
text = "Sun, 01 Mar 2026 12:30:45 EST"
hold("dateutil", dateutil.parser.parse(text).isoformat(), "2026-03-01T12:30:45")
hold("dateparser", dateparser.parse(text).isoformat(), "2026-03-01T12:30:45-05:00")
hold("email.utils", parsedate_to_datetime(text).isoformat(), "2026-03-01T12:30:45-05:00")
PY

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/araddon/dateparse@v0.0.0-20210429162001-6b43995a97de >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/araddon/dateparse"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	moment, err := dateparse.ParseAny("Sun, 01 Mar 2026 12:30:45 EST")
	hold("dateparse", fmt.Sprint(moment.UTC().Format(time.RFC3339), " ", err), "2026-03-01T12:30:45Z <nil>")
}
GO
TZ=UTC go run .
