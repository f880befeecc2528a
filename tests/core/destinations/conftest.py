from __future__ import annotations

from contextlib import ExitStack
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.core.destinations.stand_ins import serving


@pytest.fixture
def serve():
    """Start a server by ``serve(app)``; it ends with the test."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@pytest.fixture(scope="session")
def moto_url():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_client(url):
    """Return a boto3 client that tries once and asks no proxy."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, proxies={}, s3={"addressing_style": "path"}
        ),
    )


@pytest.fixture
def bucket(moto_url, request):
    """Return a client and the name of a fresh bucket."""
    client = s3_client(moto_url)
    name = f"b{uuid4().hex}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket="lock" in request.node.name)
    return client, name
