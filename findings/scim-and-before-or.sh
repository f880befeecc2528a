#!/usr/bin/env bash
# In a filter of SCIM, "or" is evaluated before "and"
#
# Software: PyPI scim2-filter-parser 0.7.0; for comparison Go module github.com/scim2/filter-parser/v2 v2.3.1
# Expected: RFC 7644, section 3.4.2.2: "not" takes precedence over "and", and "and" over "or".
# Seen:     a or b and c becomes (a or b) and c, in the tree and in the SQL made of it. b and c or a is right, as
#           the operators are taken from left to right. The Go module gives a or (b and c).
# Matters:  Filters of this form choose events in the log of Okta, and users in directories. A selection made from
#           it lacks records, and the same filter gives other records elsewhere.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scim2-filter-parser==0.7.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from scim2_filter_parser.queries import SQLQuery

COLUMNS = {(name, None, None): name for name in ("a", "b", "c")}


def read(text):
    return SQLQuery(text, "users", COLUMNS).where_sql


hold("a or b and c", read("a pr or b pr and c pr"), "((a IS NOT NULL) OR (b IS NOT NULL)) AND (c IS NOT NULL)")
hold("b and c or a", read("b pr and c pr or a pr"), "((b IS NOT NULL) AND (c IS NOT NULL)) OR (a IS NOT NULL)")
PY

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
	tree, err := filter.ParseFilter([]byte("a pr or b pr and c pr"))
	if err != nil {
		panic(err)
	}
	top := tree.(*filter.LogicalExpression)
	hold("filter-parser, top and right", fmt.Sprintf("%s; %s", top.Operator, top.Right), "or; b pr and c pr")
}
GO
go run .
