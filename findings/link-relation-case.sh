#!/usr/bin/env bash
# Relation types and parameter names of a Link header are compared by case
#
# Software: PyPI requests 2.34.2, httpx 0.28.1; npm parse-link-header 2.0.0, li 1.3.0; Go module
#           github.com/tomnomnom/linkheader v0.0.0-20250811210735-e5fe3b51442e; for comparison npm
#           http-link-header 1.1.4
# Expected: RFC 8288, section 2.1.1: registered relation types are compared "character by character in a
#           case-insensitive fashion"; section 3: names of parameters are case-insensitive too, as tokens of
#           HTTP parameters are (RFC 9110, section 5.6.6).
# Seen:     REL="Next" yields no next link in five of the six.
# Matters:  A proxy or a framework that writes "Rel" ends the reading of an audit log after one page, without an
#           error.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet requests==2.34.2 httpx==0.28.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import httpx
from requests.models import Response

for header in ('<https://api.example.com/events?page=2>; Rel="next"', '<https://api.example.com/events?page=2>; rel="Next"'):
    print("header:", header)
    response = Response()
    response.headers["Link"] = header
    hold("requests, has next", "next" in response.links, False)
    hold("httpx, has next", "next" in httpx.Response(200, headers={"Link": header}).links, False)
PY

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
for (const header of ['<https://api.example.com/events?page=2>; Rel="next"', '<https://api.example.com/events?page=2>; rel="Next"']) {
  hold("parse-link-header, has next", "next" in (parse(header) || {}), false);
  hold("li, has next", "next" in li.parse(header), false);
  hold("http-link-header, next", LinkHeader.parse(header).rel("next").length, 1);
}
JS
node check.mjs

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/tomnomnom/linkheader@v0.0.0-20250811210735-e5fe3b51442e >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

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
	links := linkheader.Parse(`<https://api.example.com/events?page=2>; rel="Next"`)
	hold("tomnomnom/linkheader, links with next", fmt.Sprint(len(links.FilterByRel("next"))), "0")
}
GO
go run .
