#!/usr/bin/env bash
# Integers of a SCIM filter are rounded, and the largest become negative
#
# Software: Go module github.com/scim2/filter-parser/v2 v2.3.1; for comparison npm scim2-parse-filter 0.2.10
# Expected: RFC 7644, section 3.4.2.2: compValue is a number by the rules of JSON, which have no largest one. What
#           fits the type of the result is exact, and what does not fit is an error.
# Seen:     The result is a Go int, but 9007199254740993 becomes 9007199254740992, and 9223372036854775807, which is
#           an int, becomes -9223372036854775808, as does every larger number. There is no error. scim2-parse-filter
#           rounds, and gives a floating-point number.
# Matters:  A filter by a numeric id finds another record than the one asked for; one that asks for more than a
#           large number selects everything.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/scim2/filter-parser/v2@v2.3.1 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	filter "github.com/scim2/filter-parser/v2"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	for _, each := range [][2]string{
		{"9007199254740991", "9007199254740991"},
		{"9007199254740993", "9007199254740992"},
		{"9223372036854775807", "-9223372036854775808"},
		{"12345678901234567890", "-9223372036854775808"},
	} {
		tree, err := filter.ParseFilter([]byte("id gt " + each[0]))
		if err != nil {
			panic(err)
		}
		hold("filter-parser, "+each[0], fmt.Sprint(tree.(*filter.AttributeExpression).CompareValue), each[1])
	}
}
GO
go run .

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent scim2-parse-filter@0.2.10
cat >check.mjs <<'JS'
import { parse } from "scim2-parse-filter";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
hold("scim2-parse-filter", parse("id gt 12345678901234567890").compValue, 12345678901234567000);
JS
node check.mjs
