#!/usr/bin/env bash
# Followers of log files deliver half a line, and then the other half as the next event
#
# Software: Go module github.com/nxadm/tail v1.4.11, default settings; PyPI pygtail 0.14.0, default settings
# Expected: POSIX, section 3.206: a line ends with a newline character. The documentation of tail says that it follows
#           a file as tail -f does, and of pygtail that it "reads log file lines that have not been read".
# Seen:     A process has written "one", a newline and "tw", and goes on a moment later, as a full buffer makes it.
#           Both give out "one" and "tw" as lines, and then "o" as a line of its own. tail has a setting
#           CompleteLines, which is off by default, and with it gives out "two".
# Matters:  Two broken events in place of a good one, at a place in the file that depends on buffers and load, so no
#           test shows it. As JSON neither can be read, and as plain text both look like events.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/nxadm/tail@v1.4.11 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/nxadm/tail"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

func lines(complete bool) string {
	file, err := os.CreateTemp("", "audit")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	file.WriteString("one\ntw")
	settings := tail.Config{Follow: true, CompleteLines: complete, Logger: tail.DiscardingLogger}
	follower, err := tail.TailFile(file.Name(), settings)
	if err != nil {
		panic(err)
	}
	text := ""
	for end := time.After(4 * time.Second); ; {
		select {
		case line := <-follower.Lines:
			text += line.Text + ";"
			if line.Text == "one" {
				time.AfterFunc(2*time.Second, func() { file.WriteString("o\nthree\n") })
			}
		case <-end:
			follower.Stop()
			return text
		}
	}
}

func main() {
	hold("tail", lines(false), "one;tw;o;three;")
	hold("tail, CompleteLines", lines(true), "one;two;three;")
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pygtail==0.14.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import pathlib
import tempfile

from pygtail import Pygtail

with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "audit.log")
    file.write_text("one\ntw")
    hold("pygtail, first call", list(Pygtail(str(file))), ["one\n", "tw"])
    with file.open("a") as end:
        end.write("o\nthree\n")
    hold("pygtail, second call", list(Pygtail(str(file))), ["o\n", "three\n"])
PY
