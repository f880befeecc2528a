#!/usr/bin/env bash
# A decimal of a structured header is written as an integer
#
# Software: npm structured-headers 2.1.0; for comparison Go module github.com/dunglas/httpsfv v1.1.2
# Expected: RFC 9651, section 3.3: Integer and Decimal are different types; section 4.1.5: a Decimal is written with
#           a point and at least one digit behind it, so 1.0 stays 1.0.
# Seen:     1.0 is read as the number 1 and written as 1, an Integer; a;q=1.0 becomes a;q=1. httpsfv writes 1.0.
#           1.50 becomes 1.5 in both, as the RFC wants.
# Matters:  A receiver that expects a Decimal refuses the field. A signature over the field in its strict form (RFC
#           9421, parameter sf) is made over other bytes than those of the sender and fails, but only where a
#           decimal is whole.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent structured-headers@2.1.0
cat >check.mjs <<'JS'
import { parseItem, serializeItem } from "structured-headers";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
hold("1.0", serializeItem(parseItem("1.0")), "1");
hold("a;q=1.0", serializeItem(parseItem("a;q=1.0")), "a;q=1");
hold("1.50", serializeItem(parseItem("1.50")), "1.5");
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/dunglas/httpsfv@v1.1.2 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/dunglas/httpsfv"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	for text, known := range map[string]string{"1.0": "1.0", "a;q=1.0": "a;q=1.0", "1.50": "1.5"} {
		item, err := httpsfv.UnmarshalItem([]string{text})
		if err != nil {
			panic(err)
		}
		written, err := httpsfv.Marshal(item)
		hold("httpsfv, "+text, fmt.Sprint(written, " ", err), known+" <nil>")
	}
}
GO
go run .
