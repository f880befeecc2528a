#!/usr/bin/env bash
# A duration of 31 days is written as a month, and read as 28
#
# Software: Go module github.com/sosodev/duration v1.4.0 as the writer; PyPI isodate 0.7.2 as the reader
# Expected: ISO 8601, durations: a month is a calendar month of 28 to 31 days, a day and an hour are not. A number
#           of hours that goes through text should come back.
# Seen:     duration.Format writes 744 hours as "P1MT14H", since it counts a month as 730 hours. Read by isodate
#           and added to 1 February 2026 it is 28 days and 14 hours. 366 days become "P1Y1D", which ends a day
#           late in a leap year. 27 days are "P3W6D" and come back.
# Matters:  Times of retention and lengths of windows are passed as such texts. Events are deleted or skipped two
#           days too early, in some months only.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/sosodev/duration@v1.4.0 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/sosodev/duration"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	day := 24 * time.Hour
	hold("27 days", duration.Format(27*day), "P3W6D")
	hold("31 days", duration.Format(31*day), "P1MT14H")
	hold("366 days", duration.Format(366*day), "P1Y1D")
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet isodate==0.7.2
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime

import isodate


def length(text, start):
    return str(start + isodate.parse_duration(text) - start)


february = datetime(2026, 2, 1)
hold("control, P3W6D from 1 February 2026", length("P3W6D", february), "27 days, 0:00:00")
hold("control, PT744H from 1 February 2026", length("PT744H", february), "31 days, 0:00:00")
hold("P1MT14H from 1 February 2026", length("P1MT14H", february), "28 days, 14:00:00")
hold("P1Y1D from 1 January 2028", length("P1Y1D", datetime(2028, 1, 1)), "367 days, 0:00:00")
PY
