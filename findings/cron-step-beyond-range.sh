#!/usr/bin/env bash
# "Every 90 minutes" is every hour, without an error
#
# Software: PyPI croniter 7.0.0, cronsim 2.8; npm cron-parser 5.10.6, croner 11.0.1; Go module
#           github.com/robfig/cron/v3 v3.0.1
# Expected: crontab(5): a step goes through the range of the field, 0 to 59. Whoever writes */90 means 90
#           minutes; no library can do that, so an error is the answer to expect.
# Seen:     Four of five take */90 for minute 0 of each hour; croner refuses it.
# Matters:  Somebody who writes */90 against a limit of the vendor's API calls it one and a half times as often,
#           and is throttled.
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
hold("croniter", by_croniter("*/90 * * * *", start, 2), ["03-01 01:00-0500", "03-01 02:00-0500"])
hold("cronsim", by_cronsim("*/90 * * * *", start, 2), ["03-01 01:00-0500", "03-01 02:00-0500"])
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

hold("cron-parser, UTC", byCronParser("*/90 * * * *", "2026-03-01T00:00:00-05:00", 2), ["03-01 06:00", "03-01 07:00"]);
let refused = false;
try { byCroner("*/90 * * * *", "2026-03-01T00:00:00-05:00", 2); } catch (error) { refused = true; console.log(String(error)); }
hold("croner refuses", refused, true);
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
	hold("robfig/cron", runs("*/90 * * * *", "2026-03-01T00:00:00-05:00", 2), "03-01 01:00-0500;03-01 02:00-0500;")
}
GO
go run .
