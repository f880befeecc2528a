#!/usr/bin/env bash
# A Fluentd client writes a time in a record as bytes that only its own library reads
#
# Software: Go module github.com/fluent/fluent-logger-golang v1.10.2; PyPI msgpack 1.1.2 as the reader
# Expected: MessagePack specification, "Timestamp extension type": a time is an extension of type -1. Forward protocol
#           of Fluentd, "EventTime": extension type 0, for the time of the event.
# Seen:     A time.Time in the record that is posted is written as extension type 5 with 12 bytes, which neither
#           specification knows. msgpack of Python reads ExtType(5, ...), where it reads type -1 as a moment. Post
#           gives no error. The time of the event itself has type 0, as it should.
# Matters:  "created" and "expires" of an audit event arrive as bytes that nobody reads, or the record is dropped
#           where it is turned into JSON.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/fluent/fluent-logger-golang/fluent@v1.10.2 >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	received := make(chan []byte)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		content, _ := io.ReadAll(connection)
		received <- content
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	logger, err := fluent.New(fluent.Config{FluentHost: "127.0.0.1", FluentPort: port, SubSecondPrecision: true})
	if err != nil {
		panic(err)
	}
	moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := logger.PostWithTime("audit", moment, map[string]any{"expires": moment, "user": "anna"}); err != nil {
		panic(err)
	}
	logger.Close()
	os.WriteFile("received", <-received, 0o600)
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet msgpack==1.1.2
export received="$work/go/received"
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os
from datetime import datetime, timezone

import msgpack

content = open(os.environ["received"], "rb").read()
tag, moment, record, _ = msgpack.unpackb(content, timestamp=3)
hold("time of the event, type of the extension", moment.code, 0)
hold("user", record["user"], "anna")
hold("time in the record", type(record["expires"]).__name__, "ExtType")
hold("time in the record, type and length", (record["expires"].code, len(record["expires"].data)), (5, 12))
standard = msgpack.packb(datetime(2026, 1, 1, tzinfo=timezone.utc), datetime=True)
hold("control, type -1", msgpack.unpackb(standard, timestamp=3), datetime(2026, 1, 1, tzinfo=timezone.utc))
PY
