#!/usr/bin/env bash
# Space around "=" in a Link header hides the relation
#
# Software: npm parse-link-header 2.0.0, li 1.3.0; Go module github.com/tomnomnom/linkheader
#           v0.0.0-20250811210735-e5fe3b51442e; for comparison npm http-link-header 1.1.4, Go module
#           github.com/peterhellberg/link v1.2.0
# Expected: RFC 8288, section 3: link-param = token BWS [ "=" BWS ( token / quoted-string ) ]; RFC 9110, section
#           5.6.3: a recipient must parse such bad whitespace and remove it.
# Seen:     rel = "next" is no next link for the three; the two others read it. None reports an error.
# Matters:  The page after this one is never asked for, and the events on it are missing.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent parse-link-header@2.0.0 li@1.3.0 http-link-header@1.1.4
cat >check.mjs <<'JS'
import parse from "parse-link-header";
import li from "li";
import LinkHeader from "http-link-header";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const header = '<https://api.example.com/events?page=2>; rel = "next"';
console.log("header:", header);
hold("parse-link-header, has next", "next" in (parse(header) || {}), false);
hold("li, has next", "next" in li.parse(header), false);
hold("http-link-header, next", LinkHeader.parse(header).rel("next").length, 1);
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/tomnomnom/linkheader@v0.0.0-20250811210735-e5fe3b51442e github.com/peterhellberg/link@v1.2.0 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/peterhellberg/link"
	"github.com/tomnomnom/linkheader"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func main() {
	header := `<https://api.example.com/events?page=2>; rel = "next"`
	hold("tomnomnom/linkheader, links with next", fmt.Sprint(len(linkheader.Parse(header).FilterByRel("next"))), "0")
	_, found := link.Parse(header)["next"]
	hold("peterhellberg/link, has next", fmt.Sprint(found), "true")
}
GO
go run .
