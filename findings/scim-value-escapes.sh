#!/usr/bin/env bash
# The escapes of a text in a SCIM filter are kept as they stand, or end the text
#
# Software: npm scim2-parse-filter 0.2.10, scimmy 1.3.5; PyPI scim2-filter-parser 0.7.0; Go module
#           github.com/scim2/filter-parser/v2 v2.3.1
# Expected: RFC 7644, section 3.4.2.2: compValue is false, null, true, a number or a string, by the rules of JSON;
#           RFC 8259, section 7: \u0041 is A, \" a quotation mark, \\ a backslash.
# Seen:     "\u0041" is a text of six characters in all four. Of "a\\b", a path of Windows, both backslashes are
#           kept. "a\"b" is refused by scimmy and by the one for Python; the Go module keeps its backslash, and only
#           scim2-parse-filter undoes it.
# Matters:  A filter that a JSON library has written finds nothing where a name has a quotation mark, a backslash or
#           an escaped letter: an account is looked for and not found.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent scim2-parse-filter@0.2.10 scimmy@1.3.5
cat >check.mjs <<'JS'
import { parse } from "scim2-parse-filter";
import SCIMMY from "scimmy";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const value = (text) => parse(`a eq ${text}`).compValue;
hold("scim2-parse-filter", ['"\\u0041"', '"a\\\\b"', '"a\\"b"'].map(value), ["\\u0041", "a\\\\b", 'a"b']);
const of = (text) => {
  try { return new SCIMMY.Types.Filter(`a eq ${text}`)[0].a[1]; } catch (error) { return error.name; }
};
hold("scimmy", ['"\\u0041"', '"a\\\\b"', '"a\\"b"'].map(of), ["\\u0041", "a\\\\b", "SCIMError"]);
JS
node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scim2-filter-parser==0.7.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from scim2_filter_parser.parser import SCIMParserError
from scim2_filter_parser.queries import SQLQuery


def read(text):
    try:
        return SQLQuery(f"a eq {text}", "users", {("a", None, None): "a"}).params_dict["a"]
    except SCIMParserError:
        return "SCIMParserError"


hold("scim2-filter-parser", [read(r) for r in (r'"\u0041"', r'"a\\b"', r'"a\"b"')], [r"\u0041", r"a\\b", "SCIMParserError"])
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
	for text, known := range map[string]string{`"\u0041"`: `\u0041`, `"a\\b"`: `a\\b`, `"a\"b"`: `a\"b`} {
		tree, err := filter.ParseFilter([]byte("a eq " + text))
		if err != nil {
			panic(err)
		}
		hold("filter-parser, "+text, fmt.Sprint(tree.(*filter.AttributeExpression).CompareValue), known)
	}
}
GO
go run .
