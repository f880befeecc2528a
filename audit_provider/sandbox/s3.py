"""S3 on this machine: moto's server, and functions that read a bucket afterwards."""

from __future__ import annotations

import gzip
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.records.fields import parts_of, value_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.destinations.spec import DestinationSpec


class S3Service:
    """An S3 endpoint with one bucket.

    :param bucket: created at the start. :param port: 0 takes a free one.
    :raises ConfigurationError: moto is not installed.
    """

    name = "s3"
    destination = "s3"
    sandbox_name = "s3"
    access_key = "sandbox"
    secret_key = "sandbox-secret"  # noqa: S105 - moto takes any

    def __init__(self, bucket: str = "audit-logs", *, port: int = 0) -> None:
        try:
            from moto.server import ThreadedMotoServer
        except ImportError:
            raise ConfigurationError("the S3 stand-in needs moto: pip install 'moto[s3,server]'.") from None
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.bucket = bucket
        self._listen = partial(ThreadedMotoServer, ip_address="127.0.0.1", verbose=False)
        self._server: Any = None
        self._port = port

    @property
    def url(self) -> str:
        """Endpoint URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def start(self) -> S3Service:
        """Serve in a thread, and create the bucket; after :meth:`stop`, on the same port with the same content."""
        self._server = self._listen(port=self._port)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]
        # If the bucket exists already, S3 answers as if it had created it.
        self.client().create_bucket(Bucket=self.bucket)
        return self

    def stop(self) -> None:
        """Stop serving. The content stays."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> S3Service:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> S3Service:
        """Return an endpoint with a bucket of its own. :param now: not used, because S3 takes objects of any age."""
        return cls(f"b{uuid4().hex}")  # the servers of a process share their buckets

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[S3Service, dict[str, Any]]:
        """Return an endpoint of the sandbox, and what a client must know about it."""
        service = cls(port=port)
        known = {"bucket": service.bucket, "access_key": service.access_key, "secret_key": service.secret_key}
        return service, known

    @property
    def options(self) -> dict[str, Any]:
        """The options that the destination needs to reach it."""
        return {"bucket": self.bucket}

    def access(self, spec: DestinationSpec, *, right: bool = True) -> Any:
        """Return a client; None for a wrong credential, because moto accepts any."""
        return self.client() if right else None

    def bodies(self) -> list[bytes]:
        """Return the objects, decompressed."""
        client = self.client()
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return [gzip.decompress(client.get_object(Bucket=self.bucket, Key=key)["Body"].read()) for key in keys]

    def client(self) -> Any:
        """Return a boto3 client of this endpoint."""
        return s3_client(self.url)

    def ids(self, prefix: str = "") -> list[str]:
        """Return the ``id`` of every record in the bucket, repeats included."""
        return ids_in(self.client(), self.bucket, prefix)


def s3_client(url: str) -> Any:
    """Return a boto3 client for a stand-in at ``url``."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=S3Service.access_key,
        aws_secret_access_key=S3Service.secret_key,
    )


def ids_in(client: Any, bucket: str, prefix: str = "", id_at: str = "id") -> list[str]:
    """Return the id of every event below a prefix, in any of the layouts, repeats included.

    :param id_at: path of the id in the records of the default layout, or paths joined by `` + ``.
    """
    ids: list[str] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            body = client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            ids += ids_of(entry["Key"], body, id_at)
    return ids


def ids_of(key: str, body: bytes, id_at: str = "id") -> list[str]:
    """Return the id of every event of one object. :param id_at: as in :func:`ids_in`."""
    if key.endswith(".ndjson.gz"):
        records = map(json.loads, gzip.decompress(body).splitlines())
        return ["/".join(str(value_at(each, part)) for part in parts_of(id_at)) for each in records]
    if key.endswith(".json.gz"):
        return [json.loads(line)["attributes"]["evt"]["id"] for line in gzip.decompress(body).splitlines()]
    return _ids_of_parquet(body) if key.endswith(".parquet") else []


def _ids_of_parquet(body: bytes) -> list[str]:
    from pyarrow import BufferReader, parquet

    rows = parquet.ParquetFile(BufferReader(body)).read(columns=["metadata.uid"]).to_pylist()
    return [row["metadata"]["uid"] for row in rows]
