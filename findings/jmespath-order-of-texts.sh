#!/usr/bin/env bash
# A JMESPath filter by time finds the events in two libraries, and none in two others
#
# Software: PyPI jmespath 1.1.0; npm jmespath 0.16.0, @jmespath-community/jmespath 1.3.0; Go module
#           github.com/jmespath/go-jmespath v0.4.0
# Expected: JMESPath specification, "Ordering Operators": they are valid for numbers only; anything else yields
#           null, and the element is not in the result.
# Seen:     time > '2026-02-01' gives the later of two events in the libraries jmespath of Python and of
#           JavaScript, and an empty list in those of Go and of the community. Over numbers all four agree.
# Matters:  An expression that was tried in the AWS CLI, which is in Python, selects nothing after it is moved to
#           a tool in Go, without an error: no events, and the run succeeds.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent jmespath@0.16.0 @jmespath-community/jmespath@1.3.0
cat >check.mjs <<'JS'
import jmespath from "jmespath";
import * as community from "@jmespath-community/jmespath";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const events = [{ time: "2026-01-01T10:00:00Z", n: 1 }, { time: "2026-03-01T10:00:00Z", n: 2 }];
for (const [name, search, known] of [["jmespath", jmespath.search, [2]], ["jmespath-community", community.search, []]]) {
  hold(`npm ${name}, control, numbers`, search(events, "[?n > `1`].n"), [2]);
  hold(`npm ${name}, texts`, search(events, "[?time > '2026-02-01'].n"), known);
}
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jmespath==1.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jmespath

events = [{"time": "2026-01-01T10:00:00Z", "n": 1}, {"time": "2026-03-01T10:00:00Z", "n": 2}]
hold("PyPI jmespath, control, numbers", jmespath.search("[?n > `1`].n", events), [2])
hold("PyPI jmespath, texts", jmespath.search("[?time > '2026-02-01'].n", events), [2])
PY

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/jmespath/go-jmespath@v0.4.0 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/jmespath/go-jmespath"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func search(expression, document string) string {
	var data any
	if err := json.Unmarshal([]byte(document), &data); err != nil {
		panic(err)
	}
	found, err := jmespath.Search(expression, data)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(found)
}

func main() {
	events := `[{"time": "2026-01-01T10:00:00Z", "n": 1}, {"time": "2026-03-01T10:00:00Z", "n": 2}]`
	hold("Go, control, numbers", search("[?n > `1`].n", events), "[2]")
	hold("Go, texts", search("[?time > '2026-02-01'].n", events), "[]")
}
GO
go run .
