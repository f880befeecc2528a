#!/usr/bin/env bash
# A comparison for audit trails sees no change from 10.0.1.10 to 10.1.0.10
#
# Software: Go module github.com/r3labs/diff/v3 v3.0.2
# Expected: its documentation: the order of the items of a slice makes no change unless SliceOrdering is set. That is
#           about lists; net.IP is one value in Go, as a digest is, and two different addresses are a change.
# Seen:     net.IP, []byte and [4]byte are compared as sets of bytes: 10.0.1.10 and 10.1.0.10 are equal, as are two
#           digests or keys with the same bytes in another order. 10.0.0.1 and 10.0.0.2 are a change of "source 3"
#           from 1 to 2. With SliceOrdering the change is seen, as two changes of single bytes.
# Matters:  Changes of firewall rules and addresses of servers are missing in the log of changes, for some pairs of
#           addresses only, and a test with two other addresses passes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/r3labs/diff/v3@v3.0.2 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/r3labs/diff/v3"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

type rule struct {
	Source net.IP  `diff:"source"`
	Digest [4]byte `diff:"digest"`
}

func address(text string) rule { return rule{Source: net.ParseIP(text).To4()} }

func changes(old, new any, options ...func(*diff.Differ) error) string {
	found, err := diff.Diff(old, new, options...)
	if err != nil {
		panic(err)
	}
	text := ""
	for _, each := range found {
		text += fmt.Sprintf("%v %v -> %v;", each.Path, each.From, each.To)
	}
	return text
}

func main() {
	hold("10.0.0.1 and 10.0.0.2", changes(address("10.0.0.1"), address("10.0.0.2")), "[source 3] 1 -> 2;")
	hold("10.0.1.10 and 10.1.0.10", changes(address("10.0.1.10"), address("10.1.0.10")), "")
	old, new := rule{Digest: [4]byte{1, 2, 3, 4}}, rule{Digest: [4]byte{4, 3, 2, 1}}
	hold("digest 01020304 and 04030201", changes(old, new), "")
	ordered := changes(address("10.0.1.10"), address("10.1.0.10"), diff.SliceOrdering(true))
	hold("10.0.1.10 and 10.1.0.10, SliceOrdering", ordered, "[source 1] 0 -> 1;[source 2] 1 -> 0;")
}
GO
go run .
