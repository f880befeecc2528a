"""Signed requests: the vendor's own example, and what is signed anew with each try."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

import pytest
import requests

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.auth import filler
from audit_provider.core.wire.signatures import SignedRequest

LOGIN, KEY = "DIWJ8X6AEYOR5OMC6TQ1", "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep"
AT = datetime(2012, 8, 21, 17, 29, 18, tzinfo=timezone.utc)


class Clock:
    now = staticmethod(lambda: AT)


def signed(method, url, params, digest="sha1", password=KEY):
    auth = SignedRequest(digest).bind(
        filler({"login": LOGIN, "password": password}, "the connection 'c'"), lambda _: Clock
    )
    return auth(requests.Request(method, url, params=params).prepare()).headers


def test_the_vendors_example_has_the_vendors_signature():
    """https://duo.com/docs/adminapi#authentication"""
    url = "https://API-xxxxxxxx.duosecurity.com/accounts/v1/account/list"
    headers = signed("POST", url, {"username": "root", "realname": "First Last"})
    assert headers["Date"] == "Tue, 21 Aug 2012 17:29:18 -0000"
    login, signature = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode().split(":")
    assert (login, signature) == (LOGIN, "2d97d6166319781b5a3a07af39d366f491234edc")


@pytest.mark.parametrize("changed", ["method", "host", "path", "params", "password", "digest"])
def test_everything_is_signed(changed):
    parts = {"method": "GET", "url": "https://api.example/a", "params": {"a": "1,2", "b": "~"}}
    other = {
        "method": {"method": "POST"},
        "host": {"url": "https://apj.example/a"},
        "path": {"url": "https://api.example/b"},
        "params": {"params": {"a": "1,3", "b": "~"}},
        "password": {"password": "x"},
        "digest": {"digest": "sha512"},
    }[changed]
    assert signed(**parts)["Authorization"] == signed(**parts)["Authorization"]
    assert signed(**parts)["Authorization"] != signed(**{**parts, **other})["Authorization"]


def test_the_order_of_parameters_does_not_matter():
    first, second = ({"b": "2", "a": "1"}, {"a": "1", "b": "2"})
    url = "https://api.example/a"
    assert signed("GET", url, first)["Authorization"] == signed("GET", url, second)["Authorization"]


def test_a_login_is_needed():
    with pytest.raises(ConfigurationError, match="has no login"):
        SignedRequest().bind(filler({"password": KEY}, "the connection 'c'"), lambda _: Clock)
