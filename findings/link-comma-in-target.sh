#!/usr/bin/env bash
# A comma in the target of a Link header is removed, or costs the whole link
#
# Software: Go modules github.com/peterhellberg/link v1.2.0 and github.com/tomnomnom/linkheader
#           v0.0.0-20250811210735-e5fe3b51442e
# Expected: RFC 8288, section 3: the target stands between "<" and ">" and is a URI-Reference; RFC 3986, section
#           2.2, lists "," as a sub-delimiter that may stand in a query as it is. Both libraries should return
#           the target byte for byte.
# Seen:     peterhellberg/link takes the comma out, so another URL is asked; tomnomnom/linkheader returns no
#           link at all. Neither returns an error.
# Matters:  A pipeline that follows rel="next" reads another filter ("fields=idactor"), or takes the first page
#           for the last one. In both cases events are missing and nothing fails.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/peterhellberg/link@v1.2.0 github.com/tomnomnom/linkheader@v0.0.0-20250811210735-e5fe3b51442e >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
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
	header := `<https://api.example.com/events?fields=id,actor&cursor=2>; rel="next"`
	fmt.Println("header:", header)
	hold("peterhellberg/link, target of next", link.Parse(header)["next"].URI,
		"https://api.example.com/events?fields=idactor&cursor=2")
	hold("tomnomnom/linkheader, number of links", fmt.Sprint(len(linkheader.Parse(header))), "0")
}
GO
go run .
