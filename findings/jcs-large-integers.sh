#!/usr/bin/env bash
# Two records with different ids have one canonical form
#
# Software: PyPI jcs 0.2.1; Go module github.com/gowebpki/jcs v1.0.2; for comparison PyPI rfc8785 0.1.4
# Expected: RFC 8785, section 3.1 and appendix D: input is I-JSON; integers beyond 2**53 cannot be exact and
#           should be text. An implementation that meets one refuses it, or documents what it does.
# Seen:     {"id":9007199254740993} and {"id":9007199254740992} give the same bytes, though Python and the text
#           itself hold the exact number. rfc8785 raises IntegerDomainError.
# Matters:  A digest over the canonical form proves neither of the two records: one can be put in place of the
#           other, and a store that names records by the digest keeps one of them.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jcs==0.2.1 rfc8785==0.1.4
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json

import jcs
import rfc8785

first, second = ('{"id":9007199254740993}', '{"id":9007199254740992}')
print("jcs:", jcs.canonicalize(json.loads(first)))
hold("jcs, same bytes", jcs.canonicalize(json.loads(first)) == jcs.canonicalize(json.loads(second)), True)
try:
    seen = rfc8785.dumps(json.loads(first))
except rfc8785.IntegerDomainError:
    seen = "IntegerDomainError"
hold("rfc8785", seen, "IntegerDomainError")
PY

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/gowebpki/jcs@v1.0.2 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/gowebpki/jcs"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	for _, text := range []string{`{"id":9007199254740993}`, `{"id":9007199254740992}`} {
		written, err := jcs.Transform([]byte(text))
		hold("gowebpki/jcs, "+text, fmt.Sprint(string(written), " ", err), `{"id":9007199254740992} <nil>`)
	}
}
GO
go run .
