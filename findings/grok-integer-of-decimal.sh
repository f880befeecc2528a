#!/usr/bin/env bash
# A grok pattern that converts to an integer makes 0 of 1.5
#
# Software: Go module github.com/vjeantet/grok v1.0.1; for comparison PyPI pygrok 1.0.0
# Expected: Logstash, grok filter, "Grok Basics": %{NUMBER:num:int} converts num from a string to an integer. NUMBER
#           matches 1.5 as well; a conversion that is not possible is an error or leaves the text.
# Seen:     ParseTyped of %{NUMBER:n:int} gives 0 for 1.5, and 9223372036854775807 for every number above that,
#           without an error. pygrok raises ValueError for 1.5, and gives large numbers as they are.
# Matters:  Bytes, durations and scores that are usually whole become 0 when they are not. A sum over the field
#           looks plausible.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/vjeantet/grok@v1.0.1 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/vjeantet/grok"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	pattern, err := grok.NewWithConfig(&grok.Config{NamedCapturesOnly: true})
	if err != nil {
		panic(err)
	}
	for _, each := range [][2]string{{"15", "15"}, {"1.5", "0"}, {"99999999999999999999", "9223372036854775807"}} {
		found, err := pattern.ParseTyped("%{NUMBER:n:int} bytes", each[0]+" bytes")
		hold("vjeantet/grok, "+each[0], fmt.Sprint(found["n"], " ", err), each[1]+" <nil>")
	}
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pygrok==1.0.0 setuptools==80.9.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import warnings

warnings.simplefilter("ignore")
from pygrok import Grok


def read(text):
    try:
        return Grok("%{NUMBER:n:int} bytes").match(f"{text} bytes")["n"]
    except ValueError:
        return "ValueError"


hold("pygrok", [read(text) for text in ("15", "1.5", "9" * 20)], [15, "ValueError", 99999999999999999999])
PY
