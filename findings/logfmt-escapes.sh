#!/usr/bin/env bash
# Escapes of logfmt are read in two ways, and one field swallows the next
#
# Software: npm logfmt 1.4.0; Go module github.com/go-logfmt/logfmt v0.6.1, PyPI logfmtkv 0.2.1; written by PyPI
#           logfmter 0.0.12
# Expected: Documentation of go-logfmt, "Grammar": a quoted value has the escapes of JSON; a backslash in a
#           value without quotes is a character as any other.
# Seen:     Of a line by logfmter, npm logfmt reads "nl\nx" as nlnx and "back\slash" without its backslash.
#           After a value that ends in a backslash the space no longer ends it, and the next key and value
#           become a part of it. The two others agree with each other.
# Matters:  Windows paths lose their separators, and the field behind one is gone.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet logfmter==0.0.12 logfmtkv==0.2.1
WORK="$work" "$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import logging
import os

import logfmter
import logfmtkv

record = logging.LogRecord("audit", logging.INFO, "app.py", 1, "read", (), None)
record.__dict__.update({"text": "nl\nx", "folder": "C:\\data\\", "user": "alice"})
line = logfmter.Logfmter().format(record)
hold("logfmter", line, r'at=INFO msg=read text="nl\nx" folder=C:\data\ user=alice')
found = logfmtkv.parse(line)
hold("logfmtkv", [found[key] for key in ("text", "folder", "user")], ["nl\nx", "C:\\data\\", "alice"])
with open(os.environ["WORK"] + "/line", "w") as file:
    file.write(line)
PY

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent logfmt@1.4.0
cat >check.mjs <<'JS'
import { readFileSync } from "node:fs";
import logfmt from "logfmt";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const found = logfmt.parse(readFileSync("line", "utf8"));
hold("npm logfmt", [found.text, found.folder, found.user ?? null], ["nlnx", "C:data useralice", null]);
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/go-logfmt/logfmt@v0.6.1 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/go-logfmt/logfmt"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	line, err := os.ReadFile("../line")
	if err != nil {
		panic(err)
	}
	found := map[string]string{}
	decoder := logfmt.NewDecoder(bytes.NewReader(line))
	for decoder.ScanRecord() {
		for decoder.ScanKeyval() {
			found[string(decoder.Key())] = string(decoder.Value())
		}
	}
	hold("go-logfmt", fmt.Sprintf("%q", []string{found["text"], found["folder"], found["user"]}), `["nl\nx" "C:\\data\\" "alice"]`)
}
GO
go run .
