"""The S3 stand-in, which is moto's server, beside SeaweedFS and Swift: the same calls to all. Part of ``make real``."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from audit_provider.core.model import utc_now
from audit_provider.sandbox.s3 import S3Service
from tests.real.beside import agree, obtained
from tests.real.clients import s3_client
from tests.real.servers import s3_stores, swift
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVERS = (*s3_stores.SERVERS, *swift.SERVERS)


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def buckets(request, tmp_path_factory):
    """The name of a real store, and clients of it and of the stand-in, each with the name of a new bucket."""
    server = request.param
    place = Place(obtained(server), tmp_path_factory.mktemp("bucket"))
    with server.serve(place) as store:
        service = S3Service.accepting(utc_now).start()
        try:
            client = s3_client(service.url, service.access_key, service.secret_key)
            yield server.name, ((store.client(), store.bucket), (client, service.bucket))
        finally:
            service.stop()


def digest(content):
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def until_2030():
    return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime(2030, 1, 1, tzinfo=UTC)}


def put(key, body=b"1", **more):
    return "put_object", {"Key": key, "Body": body, **more}


CALLS = {
    "a new object": put("a", IfNoneMatch="*"),
    "one of that name again": put("a", IfNoneMatch="*"),
    "another under that name": put("a", b"2", IfNoneMatch="*"),
    "its head": ("head_object", {"Key": "a"}),
    "the object": ("get_object", {"Key": "a"}),
    "a part of it": ("get_object", {"Key": "a", "Range": "bytes=0-0"}),
    "a part behind its end": ("get_object", {"Key": "a", "Range": "bytes=5-9"}),
    "no object's head": ("head_object", {"Key": "none"}),
    "no object": ("get_object", {"Key": "none"}),
    "removing no object": ("delete_object", {"Key": "none"}),
    "an odd name": put("p 1/ü+&=/~", IfNoneMatch="*"),
    "an empty object": put("empty", b""),
    "a name of 1,024 bytes": put("d/" * 412 + "x" * 200),
    "the right digest": put("digest", b"1", ContentMD5=digest(b"1")),
    "a wrong digest": put("wrong", b"1", ContentMD5=digest(b"2")),
    "a digest that is none": put("none at all", b"1", ContentMD5="abc"),
    "metadata": put("meta", Metadata={"origin": "x"}),
    "a lock that the bucket has not": put("locked", **until_2030()),
    "whether the bucket has a lock": ("get_object_lock_configuration", {}),
    "encryption": put("sse", ServerSideEncryption="AES256"),
    "the bucket": ("head_bucket", {}),
    "no bucket's head": ("head_bucket", {"Bucket": "no-such-bucket"}),
    "no bucket's objects": ("list_objects_v2", {"Bucket": "no-such-bucket-2"}),
    "an object into no bucket": ("put_object", {"Bucket": "no-such-bucket-3", "Key": "a", "Body": b"1"}),
    "objects": ("list_objects_v2", {"Prefix": "a"}),
    "no objects": ("list_objects_v2", {"Prefix": "none/"}),
}
_DIGESTS = {
    "a wrong digest": ((400, "BadDigest"), "S3 refuses it as these stores do; moto looks at no digest"),
    "a digest that is none": ((400, "InvalidDigest"), "S3 refuses it as these stores do; moto looks at no digest"),
}
OTHERWISE = {
    "SeaweedFS": {
        **_DIGESTS,
        "encryption": ((500, "InternalError"), "S3 encrypts; SeaweedFS has no key, see the page of s3"),
        "an object into no bucket": ((200, None, b""), "S3 refuses it; SeaweedFS makes the bucket, see the page of s3"),
    },
    "OpenStack Swift": {
        **_DIGESTS,
        "a lock that the bucket has not": ((200, None, b""), "S3 refuses it; Swift ignores it, see the page of s3"),
        "encryption": ((501, "NotImplemented"), "S3 encrypts; Swift does not"),
    },
}
"""By store, what it answers otherwise than S3 and so than the stand-in."""


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_answered_alike(buckets, name):
    store, clients = buckets
    method, arguments = CALLS[name]
    answers = []
    for client, bucket in clients:
        try:
            answer = getattr(client, method)(**{"Bucket": bucket, **arguments})
            body = answer["Body"].read() if "Body" in answer else b""
            answers.append((answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("KeyCount"), body))
        except ClientError as error:
            answers.append((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))
    agree(name, *answers, OTHERWISE[store])
