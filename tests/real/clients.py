"""The product's ends of a connection, as its hooks make them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.tcp import TcpClient
from tests.real.adverse import NOW


def http_client(
    url: str,
    *,
    service: str = "the receiver",
    proxies: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    ca: Path | None = None,
    auth: tuple[str, str] | None = None,
    now: Any = None,
) -> HttpClient:
    """Return a client that waits for nothing."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = dict(proxies or {})
    session.headers.update(headers or {})
    session.auth = auth
    if ca is not None:
        session.verify = str(ca)
    return HttpClient(session, url, service=service, sleep=lambda seconds: None, now=now or (lambda: NOW))


def syslog_client(port: int, ca: Path | None, *, cert: Path | None = None, **options: Any) -> TcpClient:
    """Return what opens connections to a syslog receiver. :param ca: None speaks plain TCP."""
    tls = ssl.create_default_context(cafile=str(ca)) if ca else None
    if tls and cert:
        tls.load_cert_chain(cert)
    return TcpClient("127.0.0.1", port, tls=tls, service="syslog", **options)


def s3_client(url: str, key: str, secret: str) -> Any:
    """Return a boto3 client as Airflow's hook makes it, but for proxies."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )
