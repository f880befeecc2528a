#!/usr/bin/env bash
# JMESPath makes numbers of an empty text, of hexadecimal digits and of the word infinity
#
# Software: PyPI jmespath 1.1.0; npm jmespath 0.16.0, @jmespath-community/jmespath 1.3.0; Go module
#           github.com/jmespath/go-jmespath v0.4.0
# Expected: JMESPath specification, to_number(): a text that conforms to the production json-number becomes a
#           number, every other one null. RFC 8259, section 6: no infinity, no underscores, no hexadecimal digits,
#           not the empty text.
# Seen:     The empty text is 0 and 0x10 is 16 in both of JavaScript; infinity is a number and 1_000 is 1000 in
#           Python and Go. 15 is 15 in all four, and abc is null.
# Matters:  A field that was not set counts as 0 in a sum or as a port, and an id with an underscore becomes
#           another id. Infinity cannot be written as JSON, so the whole answer fails where it is passed on.
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
const texts = ["15", "abc", "", "0x10", "infinity", "1_000"];
for (const [name, search] of [["jmespath", jmespath.search], ["jmespath-community", community.search]]) {
  hold(`npm ${name}`, texts.map((text) => search(text, "to_number(@)")), [15, null, 0, 16, null, null]);
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

texts = ["15", "abc", "", "0x10", "infinity", "1_000"]
hold("PyPI jmespath", [jmespath.search("to_number(@)", text) for text in texts], [15, None, None, None, float("inf"), 1000])
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
	known := map[string]string{"15": "15", "abc": "<nil>", "": "<nil>", "infinity": "+Inf", "1_000": "1000"}
	for _, text := range []string{"15", "abc", "", "infinity", "1_000"} {
		hold("Go, "+text, search("to_number(@)", `"`+text+`"`), known[text])
	}
}
GO
go run .
