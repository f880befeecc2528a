#!/usr/bin/env bash
# The S3 of a test library accepts an object whose digest is another one
#
# Software: PyPI moto 5.2.5 with boto3 1.44.8
# Expected: Amazon S3, PutObject: Content-MD5 and the checksum headers are there to verify that the data is what
#           was sent. "Error responses": BadDigest, where the digest that was given does not match what was
#           received.
# Seen:     An object with the MD5 of other bytes, and one with the SHA-256 of other bytes, are stored with an
#           answer of 200. Conditions are looked at: If-None-Match is refused for a key that exists.
# Matters:  Code that computes the digest of the wrong bytes, before it compresses them for example, is green in
#           all its tests; the service then refuses each object.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'moto[s3]==5.2.5' boto3==1.44.8
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import os

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws


def code(call, **arguments):
    """Return the error code of a call, or its status."""
    try:
        return call(Bucket="audit-logs", Key="day.ndjson", **arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["Error"]["Code"]

from base64 import b64encode
from hashlib import md5, sha256

with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audit-logs")
    sent, other = b'{"action": "login"}\n', b'{"action": "logout"}\n'
    right = b64encode(sha256(sent).digest()).decode()
    hold("right digest", code(s3.put_object, Body=sent, ChecksumSHA256=right), 200)
    hold("control, key that exists", code(s3.put_object, Body=sent, IfNoneMatch="*"), "PreconditionFailed")
    hold("MD5 of other bytes", code(s3.put_object, Body=sent, ContentMD5=b64encode(md5(other).digest()).decode()), 200)
    hold("SHA-256 of other bytes", code(s3.put_object, Body=sent, ChecksumSHA256=b64encode(sha256(other).digest()).decode()), 200)
    hold("stored", s3.get_object(Bucket="audit-logs", Key="day.ndjson")["Body"].read() == sent, True)
PY
