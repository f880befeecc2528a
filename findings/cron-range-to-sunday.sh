#!/usr/bin/env bash
# A schedule for Friday to Sunday does not run on Sunday
#
# Software: Go module github.com/hashicorp/cronexpr v1.1.3, which Nomad uses; for comparison PyPI croniter 7.0.0,
#           cronsim 2.8; Go module github.com/robfig/cron/v3 v3.0.1
# Expected: crontab(5) of Debian: 0 or 7 is Sunday, and a range is inclusive. A range that a library does not take is
#           an error, as 22-2 is.
# Seen:     "0 0 * * 5-7" runs on Friday and Saturday, and "0 0 * * SAT-SUN" on Saturday alone. "0 0 * * 7" runs on
#           Sunday. croniter and cronsim run on all three days of 5-7; robfig/cron refuses it.
# Matters:  An export of the weekend lacks Sunday, each week, without an error, and the runs of Friday and Saturday
#           look right.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/hashicorp/cronexpr@v1.1.3 github.com/robfig/cron/v3@v3.0.1 >>"$work/go.log" 2>&1 ||
    { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/cronexpr"
	"github.com/robfig/cron/v3"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func days(rule string) string {
	text := ""
	for _, each := range cronexpr.MustParse(rule).NextN(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), 4) {
		text += each.Format("Mon ")
	}
	return text
}

func main() {
	hold("cronexpr, 0 0 * * 7", days("0 0 * * 7"), "Sun Sun Sun Sun ")
	hold("cronexpr, 0 0 * * 5-6", days("0 0 * * 5-6"), "Fri Sat Fri Sat ")
	hold("cronexpr, 0 0 * * 5-7", days("0 0 * * 5-7"), "Fri Sat Fri Sat ")
	hold("cronexpr, 0 0 * * SAT-SUN", days("0 0 * * SAT-SUN"), "Sat Sat Sat Sat ")
	_, err := cron.ParseStandard("0 0 * * 5-7")
	hold("robfig/cron, 0 0 * * 5-7, refused", fmt.Sprint(err != nil), "true")
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet croniter==7.0.0 cronsim==2.8
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime, timezone

from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
runs = croniter("0 0 * * 5-7", start)
hold("croniter", [runs.get_next(datetime).strftime("%a") for _ in range(4)], ["Fri", "Sat", "Sun", "Fri"])
runs = CronSim("0 0 * * 5-7", start)
hold("cronsim", [next(runs).strftime("%a") for _ in range(4)], ["Fri", "Sat", "Sun", "Fri"])
PY
