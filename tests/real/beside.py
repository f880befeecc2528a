"""What the tests share that put a stand-in of the sandbox beside the server that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.real.obtaining import Obtained, UnobtainableError
from tests.real.servers.base import Server


def obtained(server: Server) -> Obtained:
    """Return a server's files, or skip the test where they cannot be had."""
    try:
        return server.obtain(server.version)
    except UnobtainableError as error:
        pytest.skip(f"{server.name} {server.version} cannot be had here: {error}")


def asked(url: str, *, method: str = "POST", body: bytes = b"", headers: Mapping[str, str] | None = None) -> Any:
    """Return the answer to a request that goes out as it stands, with no header but its own."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.clear()
        return session.request(method, url, data=body, headers=dict(headers or {}), timeout=60)


def agree(name: str, real: Any, stand_in: Any, otherwise: Mapping[str, tuple[Any, str]]) -> None:
    """Hold an answer of the stand-in against the server's.

    :param otherwise: by name, what the server answers where it is not like the service that the stand-in stands for,
        and what that service documents.
    """
    if name not in otherwise:
        assert stand_in == real, f"the stand-in answers {stand_in!r}, the server {real!r}"
        return
    known, documented = otherwise[name]
    assert real == known, f"the server answers {real!r}, not {known!r} any more; documented is: {documented}"
    assert stand_in != real, f"both answer {real!r}: {name!r} is no exception"
