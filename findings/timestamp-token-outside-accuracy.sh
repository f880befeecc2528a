#!/usr/bin/env bash
# A time stamp says that it is exact to a millisecond, and is 999 milliseconds early
#
# Software: Go module github.com/digitorus/timestamp v0.0.0-20250524132541-c45532741eea
#           (v0.0.0-20260914073129-b4b58b92aa51, which needs Go 1.27, does the same)
# Expected: RFC 3161, section 2.4.2: genTime may have a fraction of a second, and accuracy is the deviation around it:
#           the time of the token lies between genTime less accuracy and genTime plus accuracy.
# Seen:     A token for 00:00:00.999 with an accuracy of one millisecond has genTime 00:00:00 and keeps its accuracy
#           of one millisecond. So by the token it was made before 00:00:00.001. There is no error and no setting for
#           the fraction.
# Matters:  The order of two tokens, and of a token and an event, is decided by genTime and accuracy: section 2.4.2 on
#           ordering. Evidence that was made after an event is proven to be older than the event.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/digitorus/timestamp@v0.0.0-20250524132541-c45532741eea >>"$work/go.log" 2>&1 ||
    { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/digitorus/timestamp"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

// token returns a response with a time stamp for the moment, signed by a certificate made for this run.
func token(moment time.Time, accuracy time.Duration) []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "time"}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	certificate, err := x509.ParseCertificate(encoded)
	check(err)
	digest := sha256.Sum256([]byte("evidence"))
	request := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: moment, Accuracy: accuracy,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, AddTSACertificate: true,
	}
	response, err := request.CreateResponseWithOpts(certificate, key, crypto.SHA256)
	check(err)
	return response
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	moment := time.Date(2026, 1, 1, 0, 0, 0, 999_000_000, time.UTC)
	read, err := timestamp.ParseResponse(token(moment, time.Millisecond))
	check(err)
	hold("time of the token", read.Time.UTC().Format(time.RFC3339Nano), "2026-01-01T00:00:00Z")
	hold("accuracy of the token", read.Accuracy.String(), "1ms")
	hold("early by", moment.Sub(read.Time).String(), "999ms")
}
GO
go run .
