#!/usr/bin/env bash
# "*/2" in the day of the month beside a weekday: both must fit, or one of them
#
# Software: PyPI croniter 7.0.0, cronsim 2.8; npm cron-parser 5.10.6, croner 11.0.1; Go module
#           github.com/robfig/cron/v3 v3.0.1
# Expected: crontab(5) of Debian, note on the two day fields: where both are restricted, that is are not "*",
#           one of them is enough. "*/2" is not "*", so each odd date and each Monday are runs.
# Seen:     Four do so. cronsim, which follows the code of Debian's cron (it looks at the first character only),
#           wants both: Mondays with an odd date, an eighth of the runs.
# Matters:  The rule copied from a crontab to Airflow, or from Airflow to a Go service, runs on other days: most
#           reports are missing, or there are eight times as many.
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



start = datetime(2026, 3, 1, tzinfo=NEW_YORK)
hold("croniter", [run[:5] for run in by_croniter("0 0 */2 * 1", start, 4)], ["03-02", "03-03", "03-05", "03-07"])
hold("cronsim", [run[:5] for run in by_cronsim("0 0 */2 * 1", start, 4)], ["03-09", "03-23", "04-13", "04-27"])
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

const days = ["03-02", "03-03", "03-05", "03-07"];
hold("cron-parser", byCronParser("0 0 */2 * 1", "2026-03-01T00:00:00-05:00", 4).map((run) => run.slice(0, 5)), days);
hold("croner", byCroner("0 0 */2 * 1", "2026-03-01T00:00:00-05:00", 4).map((run) => run.slice(0, 5)), days);
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
	hold("robfig/cron", runs("0 0 */2 * 1", "2026-03-01T00:00:00-05:00", 4),
		"03-02 00:00-0500;03-03 00:00-0500;03-05 00:00-0500;03-07 00:00-0500;")
}
GO
go run .
