"""The hook of Airflow's HTTP provider over a connection of this provider, for your own requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests


class RequestsHook(HttpHook):
    """Airflow's ``HttpHook`` with the session of one of this provider's hooks: same credential, proxies and limits.

    https://airflow.apache.org/docs/apache-airflow-providers-http/stable/_api/airflow/providers/http/hooks/http/

    :param session: returns a session with the connection's credential. :param address: returns its base URL.
    """

    def __init__(self, conn_id: str, session: Callable[[], requests.Session], address: Callable[[], str]) -> None:
        super().__init__(method="GET", http_conn_id=conn_id)
        self._session = session
        self._address = address

    def get_conn(self, headers: dict[Any, Any] | None = None, *_: Any, **__: Any) -> requests.Session:
        """Return a session that sends the credential.

        :param headers: to send with each request.
        :raises ConfigurationError: the connection cannot be used.
        """
        self._set_base_url(None)
        session = self._session()
        session.headers.update(headers or {})
        return session

    def _set_base_url(self, connection: Any) -> None:
        self.base_url = self._address()
        self._base_url_initialized = True
