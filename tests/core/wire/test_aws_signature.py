"""Requests signed for AWS, held to a signature that is worked out here by AWS's own steps."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote, urlsplit

import pytest
import requests
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError

from audit_provider.core.errors import CredentialError, UnavailableError
from audit_provider.core.wire.signatures import AwsSignature

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token=="


def prepared(
    auth,
    method="POST",
    url="https://x.eu-west-1.es.amazonaws.com/logs-a/_bulk?filter_path=errors%2Citems.%2A.status",
    body=b"{}\n",
):
    request = requests.Request(method, url, data=body, headers={"Content-Type": "application/x-ndjson"}, auth=auth)
    return requests.Session().prepare_request(request)


def signature_of(request, secret, region, service):
    """Return the signature that AWS works out for what came in."""
    parts = urlsplit(request.url)
    named = re.search(r"SignedHeaders=([^,]+)", request.headers["Authorization"])[1].split(";")
    headers = {"host": parts.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    body = request.body or b""
    canonical = "\n".join(
        [
            request.method,
            quote(parts.path, safe="/-_.~"),
            "&".join(sorted(parts.query.split("&"))),
            *(f"{name}:{' '.join(headers[name].split())}" for name in named),
            "",
            ";".join(named),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    moment = request.headers["X-Amz-Date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("service", ["es", "aoss"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/logs-saas_audit.slack-default/_bulk?filter_path=errors%2Citems.%2A.status", b"\x1f\x8bbytes\n"),
        ("GET", "/", None),
        ("HEAD", "/logs-%2A", None),
        ("PUT", "/_index_template/a%2Bb", b"{}"),
    ],
)
def test_the_signature_is_the_one_that_aws_works_out(service, method, path, body):
    auth = AwsSignature(lambda: Credentials(KEY, SECRET, TOKEN), "eu-west-1", service)
    request = prepared(auth, method, f"https://search.example.com:8443{path}", body)
    said = request.headers["Authorization"]
    assert said.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
    assert f"/eu-west-1/{service}/aws4_request" in said
    assert said.rpartition("Signature=")[2] == signature_of(request, SECRET, "eu-west-1", service)
    assert request.headers["X-Amz-Content-SHA256"] == hashlib.sha256(body or b"").hexdigest()
    assert request.headers["X-Amz-Security-Token"] == TOKEN


def test_what_is_sent_is_what_was_signed():
    request = prepared(AwsSignature(lambda: Credentials(KEY, SECRET), "eu-west-1", "es"))
    request.prepare_body(b"something else", None)
    assert request.headers["Authorization"].rpartition("Signature=")[2] != signature_of(
        request, SECRET, "eu-west-1", "es"
    )
    assert "X-Amz-Security-Token" not in request.headers


def test_every_request_takes_the_credentials_of_the_moment():
    held = [Credentials("first", SECRET), Credentials("second", SECRET)]
    auth = AwsSignature(lambda: held.pop(0), "eu-west-1", "es")
    assert [re.search(r"Credential=(\w+)/", prepared(auth).headers["Authorization"])[1] for _ in range(2)] == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "AssumeRole"), CredentialError),
        (EndpointConnectionError(endpoint_url="https://sts"), UnavailableError),
        (ClientError({"Error": {"Code": "Throttling"}}, "AssumeRole"), UnavailableError),
        (
            ClientError(
                {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "AssumeRole"
            ),
            UnavailableError,
        ),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "AssumeRole"), CredentialError),
        (
            ClientError(
                {"Error": {"Code": "SignatureDoesNotMatch", "Message": "Signature expired: 2026 is now earlier"}},
                "AssumeRole",
            ),
            UnavailableError,
        ),
    ],
)
def test_credentials_that_cannot_be_renewed_are_told_apart(raised, error):
    def credentials():
        raise raised

    with pytest.raises(error) as caught:
        prepared(AwsSignature(credentials, "eu-west-1", "es"))
    assert SECRET not in str(caught.value)


def test_without_credentials_nothing_is_sent():
    with pytest.raises(CredentialError, match="aws connection"):
        prepared(AwsSignature(lambda: None, "eu-west-1", "es"))
