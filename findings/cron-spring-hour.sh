#!/usr/bin/env bash
# On the day that lacks an hour, five libraries have three ideas of "every two hours" and "at 2:30"
#
# Software: PyPI croniter 7.0.0, cronsim 2.8; npm cron-parser 5.10.6, croner 11.0.1; Go module
#           github.com/robfig/cron/v3 v3.0.1
# Expected: cron(8) of Debian, on daylight saving time: a job at a time that is skipped runs soon after the
#           change; one with a wildcard follows the new time at once, so hour 3 is no run of */2.
# Seen:     "0 */2 * * *" on 8 March 2026 in New York: croniter and cron-parser run at 03:00 and at 04:00, the
#           others at 04:00 only. "30 2 * * *": croniter, cronsim and croner run at 03:00, cron-parser at 03:30,
#           robfig/cron not at all on that day.
# Matters:  A window "since the last run" is one hour, or a day is missing. A monitor that computes with another
#           library than the scheduler reports a missed run that was none, or none where one was missed.
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



start = datetime(2026, 3, 8, 0, 30, tzinfo=NEW_YORK)
hold("croniter, */2", by_croniter("0 */2 * * *", start, 2), ["03-08 03:00-0400", "03-08 04:00-0400"])
hold("cronsim, */2", by_cronsim("0 */2 * * *", start, 2), ["03-08 04:00-0400", "03-08 06:00-0400"])
start = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK)
hold("croniter, 2:30", by_croniter("30 2 * * *", start, 1), ["03-08 03:00-0400"])
hold("cronsim, 2:30", by_cronsim("30 2 * * *", start, 1), ["03-08 03:00-0400"])
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

hold("cron-parser, */2, UTC", byCronParser("0 */2 * * *", "2026-03-08T00:30:00-05:00", 2), ["03-08 07:00", "03-08 08:00"]);
hold("croner, */2, UTC", byCroner("0 */2 * * *", "2026-03-08T00:30:00-05:00", 2), ["03-08 08:00", "03-08 10:00"]);
hold("cron-parser, 2:30, UTC", byCronParser("30 2 * * *", "2026-03-07T12:00:00-05:00", 1), ["03-08 07:30"]);
hold("croner, 2:30, UTC", byCroner("30 2 * * *", "2026-03-07T12:00:00-05:00", 1), ["03-08 07:00"]);
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
	hold("robfig/cron, */2", runs("0 */2 * * *", "2026-03-08T00:30:00-05:00", 2), "03-08 04:00-0400;03-08 06:00-0400;")
	hold("robfig/cron, 2:30", runs("30 2 * * *", "2026-03-07T12:00:00-05:00", 1), "03-09 02:30-0400;")
}
GO
go run .
