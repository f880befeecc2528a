"""Over https, what is put into S3 is sent as it is, with its checksum in a header."""

from __future__ import annotations

import base64
import zlib

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.spool.store import S3Store
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event


class Body:
    """What urllib3 would read an empty body from."""

    def stream(self):
        return iter(())


@pytest.fixture
def sent():
    """A client of a store that is reached by https, and the PUTs that it is about to send."""
    client = boto3.client(
        "s3",
        endpoint_url="https://store.example.com",
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    puts = []

    def take(request, **_):
        if request.method == "PUT":
            puts.append(request)
        lock = {"x-amz-object-lock-mode": "GOVERNANCE"}
        return AWSResponse(request.url, 200, {"ETag": '"x"', **lock}, Body())

    client.meta.events.register("before-send.s3", take)
    return client, puts


def plain(request):
    """Return the body of a PUT, which must be no frames and have its checksum in a header."""
    headers = {
        name.lower(): str(value, "latin-1") if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    assert "aws-chunked" not in headers.get("content-encoding", "")
    assert "x-amz-trailer" not in headers
    body = request.body if isinstance(request.body, bytes) else request.body.read()
    assert int(headers["content-length"]) == len(body)
    assert base64.b64decode(headers["x-amz-checksum-crc32"]) == zlib.crc32(body).to_bytes(4, "big")
    return body


def test_a_file_of_the_spool_is_sent_as_it_is(sent):
    client, puts = sent
    S3Store(client, "b", "spool").put("p/live/1", b"hello")
    assert [plain(each) for each in puts] == [b"hello"]


@pytest.mark.parametrize("options", [{}, {"object_lock": "GOVERNANCE", "object_lock_days": 1}])
def test_an_object_is_sent_as_it_is(sent, options):
    client, puts = sent
    Desk().ship(S3Destination(S3Options(bucket="b", **options), ORIGIN, client, now=lambda: NOW), [[event("a")]])
    assert [plain(each)[:2] for each in puts] == [b"\x1f\x8b"]
