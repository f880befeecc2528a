#!/usr/bin/env bash
# The S3 of a test library shortens the retention of an object that is locked for compliance
#
# Software: PyPI moto 5.2.5 with boto3 1.44.8
# Expected: Amazon S3, "Object Lock", retention modes: in compliance mode the mode of an object version cannot be
#           changed, and its retention period cannot be shortened.
# Seen:     put_object_retention with a day in place of ten, and with the mode GOVERNANCE, is answered by 200, and
#           the new values are in force. To delete the version is refused before, in one call and in a batch, as
#           the service does.
# Matters:  A test that shows that evidence cannot be removed early passes or fails by what the library does. Code
#           that shortens a retention by mistake is green in tests, and fails in production only.
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

from datetime import datetime, timedelta, timezone

with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audit-logs", ObjectLockEnabledForBucket=True)
    until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=10)
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    version = s3.put_object(Bucket="audit-logs", Key="day.ndjson", Body=b"{}\n", **lock)["VersionId"]

    def retain(mode, day):
        status = code(s3.put_object_retention, VersionId=version, Retention={"Mode": mode, "RetainUntilDate": day})
        head = s3.head_object(Bucket="audit-logs", Key="day.ndjson", VersionId=version)
        return status, head["ObjectLockMode"], (head["ObjectLockRetainUntilDate"] - until).days

    hold("control, delete", code(s3.delete_object, VersionId=version), "AccessDenied")
    batch = s3.delete_objects(Bucket="audit-logs", Delete={"Objects": [{"Key": "day.ndjson", "VersionId": version}]})
    hold("control, delete in a batch", [error["Code"] for error in batch["Errors"]], ["AccessDenied"])
    hold("control, a day longer", retain("COMPLIANCE", until + timedelta(days=1)), (200, "COMPLIANCE", 1))
    hold("nine days shorter", retain("COMPLIANCE", until - timedelta(days=9)), (200, "COMPLIANCE", -9))
    hold("another mode", retain("GOVERNANCE", until), (200, "GOVERNANCE", 0))
PY
