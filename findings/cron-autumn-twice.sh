#!/usr/bin/env bash
# On the day that has an hour twice, a daily job runs once or twice, depending on the library
#
# Software: PyPI croniter 7.0.0, cronsim 2.8; npm cron-parser 5.10.6, croner 11.0.1; Go module
#           github.com/robfig/cron/v3 v3.0.1
# Expected: cron(8) of Debian, on daylight saving time: jobs at a fixed time that falls into the repeated hour
#           are not run again; jobs with a wildcard follow the new time at once.
# Seen:     "30 1 * * *" in New York on 1 November 2026: croniter and robfig/cron run at 01:30-04:00 and again
#           at 01:30-05:00; the other three run once. For "*/15 1 * * *" cron-parser runs four times, and
#           croniter, cronsim and croner go on in the second hour.
# Matters:  Airflow's schedules come from croniter. A nightly export that takes "yesterday" runs twice, and what
#           it ships has each event twice.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet croniter==7.0.0 cronsim==2.8
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime
from zoneinfo import ZoneInfo

import croniter
from cronsim import CronSim

NEW_YORK = ZoneInfo("America/New_York")


def by_croniter(rule, start, count):
    runs = croniter.croniter(rule, start)
    return [runs.get_next(datetime).strftime("%m-%d %H:%M%z") for _ in range(count)]


def by_cronsim(rule, start, count):
    runs = CronSim(rule, start)
    return [next(runs).strftime("%m-%d %H:%M%z") for _ in range(count)]



start = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK)
hold("croniter", by_croniter("30 1 * * *", start, 2), ["11-01 01:30-0400", "11-01 01:30-0500"])
hold("cronsim", by_cronsim("30 1 * * *", start, 2), ["11-01 01:30-0400", "11-02 01:30-0500"])
start = datetime(2026, 11, 1, 0, 20, tzinfo=NEW_YORK)
hold("croniter, */15, fifth run", by_croniter("*/15 1 * * *", start, 5)[4], "11-01 01:00-0500")
hold("cronsim, */15, fifth run", by_cronsim("*/15 1 * * *", start, 5)[4], "11-01 01:00-0500")
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent cron-parser@5.10.6 croner@11.0.1
cat >check.mjs <<'JS'
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const tz = "America/New_York";
const utc = (date) => date.toISOString().slice(5, 16).replace("T", " ");
const byCronParser = (rule, start, count) => {
  const runs = CronExpressionParser.parse(rule, { currentDate: new Date(start), tz });
  return Array.from({ length: count }, () => utc(runs.next().toDate()));
};
const byCroner = (rule, start, count) => new Cron(rule, { timezone: tz }).nextRuns(count, new Date(start)).map(utc);

const start = "2026-10-31T12:00:00-04:00";
hold("cron-parser, UTC", byCronParser("30 1 * * *", start, 2), ["11-01 05:30", "11-02 06:30"]);
hold("croner, UTC", byCroner("30 1 * * *", start, 2), ["11-01 05:30", "11-02 06:30"]);
hold("cron-parser, */15, fifth run, UTC", byCronParser("*/15 1 * * *", "2026-11-01T00:20:00-04:00", 5)[4], "11-02 06:00");
hold("croner, */15, fifth run, UTC", byCroner("*/15 1 * * *", "2026-11-01T00:20:00-04:00", 5)[4], "11-01 06:00");
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/robfig/cron/v3@v3.0.1 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/robfig/cron/v3"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func runs(rule, start string, count int) string {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	moment, err := time.Parse(time.RFC3339, start)
	if err != nil {
		panic(err)
	}
	schedule, err := cron.ParseStandard(rule)
	if err != nil {
		return err.Error()
	}
	moment = moment.In(zone)
	text := ""
	for i := 0; i < count; i++ {
		moment = schedule.Next(moment)
		text += moment.Format("01-02 15:04-0700") + ";"
	}
	return text
}

func main() {
	hold("robfig/cron", runs("30 1 * * *", "2026-10-31T12:00:00-04:00", 2), "11-01 01:30-0400;11-01 01:30-0500;")
}
GO
go run .
