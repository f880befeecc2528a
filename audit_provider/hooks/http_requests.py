"""The hook of Airflow's HTTP provider over a connection of this provider, for requests of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

if TYPE_CHECKING:
    import requests

    from audit_provider.hooks.service import ServiceHook


class RequestsHook(HttpHook):
    """Airflow's ``HttpHook`` with the session of one of this provider's hooks: same credential, proxies and limits.

    https://airflow.apache.org/docs/apache-airflow-providers-http/stable/_api/airflow/providers/http/hooks/http/

    :param service: the hook whose connection it uses.
    """

    def __init__(self, service: ServiceHook) -> None:
        super().__init__(method="GET", http_conn_id=service.http_conn_id)
        self._service = service

    def get_conn(self, headers: dict[Any, Any] | None = None, *_: Any, **__: Any) -> requests.Session:
        """Return a session that carries the credential.

        :param headers: to send with each request. :raises ConfigurationError: the connection cannot be used.
        """
        self._set_base_url(self._service.connection)
        session = self._service.through_tunnel(self._service.get_conn())
        session.headers.update(headers or {})
        return session

    def _set_base_url(self, connection: Any) -> None:
        self.base_url = self._service.address()
        self._base_url_initialized = True
