#!/usr/bin/env bash
# A time-stamping library makes tokens that others refuse, on a machine that is not in UTC
#
# Software: Go module github.com/digitorus/timestamp v0.0.0-20250524132541-c45532741eea
#           (v0.0.0-20260914073129-b4b58b92aa51, which needs Go 1.27, does the same); PyPI rfc3161-client 1.0.9 and
#           rfc3161ng 2.1.3 as the readers
# Expected: RFC 3161, section 2.4.2: genTime must be in UTC, YYYYMMDDhhmmss[.s...]Z. A time.Time is a moment in Go,
#           and the library that writes a token of this standard writes it in UTC.
# Seen:     For a Time in Europe/Berlin, as time.Now() gives it there, the token has 20260101010000+0100. The library
#           reads it itself, and rfc3161ng reads it; rfc3161-client refuses the whole response as malformed. For the
#           same moment in UTC it has 20260101000000Z, and all three read it.
# Matters:  Tokens are kept for years and checked when there is a dispute, by other software than the one that made
#           them. On a developer's machine or on a server in UTC nothing is seen.
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
	"math/big"
	"os"
	"time"

	"github.com/digitorus/timestamp"
)

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
	moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	check(err)
	for name, each := range map[string]time.Time{"utc": moment, "berlin": moment.In(berlin)} {
		response := token(each, time.Second)
		read, err := timestamp.ParseResponse(response)
		check(err)
		if !read.Time.Equal(moment) {
			panic("CHANGED, the library reads another moment")
		}
		check(os.WriteFile(name, response, 0o600))
	}
}
GO
go run .

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rfc3161-client==1.0.9 rfc3161ng==2.1.3
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime, timezone

import rfc3161_client
import rfc3161ng

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
for name, text in (("utc", b"20260101000000Z"), ("berlin", b"20260101010000+0100")):
    with open(name, "rb") as file:
        content = file.read()
    hold(f"{name}, {text.decode()} in the token", text in content, True)
    token = rfc3161ng.decode_timestamp_response(content).time_stamp_token
    hold(f"{name}, rfc3161ng", rfc3161ng.get_timestamp(token, naive=False) == MOMENT, True)
    try:
        seen = rfc3161_client.decode_timestamp_response(content).tst_info.gen_time == MOMENT
    except ValueError as error:
        seen = str(error).split(":")[0]
    hold(f"{name}, rfc3161-client", seen, {"utc": True, "berlin": "Malformed TimestampToken"}[name])
PY
