"""A connection without Airflow, for destinations that are reached over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.records.links import checked_page
from audit_provider.core.wire.auth import NoAuth, filler
from audit_provider.core.wire.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from audit_provider.core.destinations.spec import ConnectionType


class PlainConnection:
    """The argument of a destination's ``connect``, see :class:`~audit_provider.core.destinations.spec.Access`.

    :param kind: connection type of the destination, which says how the credential is sent.
    :param host: base URL of the server.
    :param extras: the connection's extra.
    :param headers: headers of every request, for a connection type whose hook says how the credential is sent.
    :param now: returns the current time. :param sleep: waits for a number of seconds.
    """

    conn_id = "test"

    def __init__(
        self,
        kind: ConnectionType,
        host: str,
        *,
        login: str = "",
        password: str = "",
        extras: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        unknown = sorted(set(extras or {}) - set(kind.extras))
        if unknown:
            raise ConfigurationError(f"the connection type {kind.name!r} has no extra {unknown[0]!r}.")
        self.host = host
        self._kind = kind
        self._parts = {"login": login, "password": password}
        self._extras = dict(extras or {})
        self._headers = dict(headers or {})
        self._now, self._sleep = now, sleep

    def address(self) -> str:
        """Return the base URL."""
        return self.host or self._kind.base_url(self)

    def client(self, base_url: str = "") -> HttpClient:
        """Return a client that sends the credential."""
        session = requests.Session()
        session.trust_env = False
        session.headers.update(self._headers)
        auth = self._kind.auth
        fill = filler(self._parts, "the connection 'test'")
        session.auth = auth.bind(fill, self._outside) if auth is not None else NoAuth()
        return HttpClient(
            session,
            base_url or self.address(),
            service=self._kind.service,
            secrets=tuple(filter(None, [self._parts["password"]])),
            sleep=self._sleep,
            now=self._now,
        )

    def extra(self, key: str, default: Any = None) -> Any:
        """Return a value of the extra."""
        return self._extras.get(key, default)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a value of the extra that is true or false."""
        return bool(self._extras.get(key, default))

    def page_extra(self, key: str) -> str:
        """Return an extra that is the address of a page; "" if it is absent."""
        url = str(self._extras.get(key) or "")
        return checked_page(url, f"the extra {key!r}") if url else ""

    def _outside(self, base_url: str) -> HttpClient:
        raise ConfigurationError("a credential that must be fetched needs a hook of its own.")
