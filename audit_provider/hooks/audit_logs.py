"""The connection type ``audit_logs``: a SaaS product's audit-log API."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.sources import REGISTRY, PageReader
from audit_provider.hooks.service import HeaderAuth, ServiceHook

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.sources import SourceSpec


class AuditLogsHook(ServiceHook):
    """Connection, session and credential of an audit-log API.

    :param audit_logs_conn_id: host (default: the source's), password (API token), extras ``source``, ``verify``,
        ``proxies``, ``cert``, ``allow_http``.
    :param source: the source to read; None takes the extra ``source``, or the source whose host it is.
    """

    conn_name_attr = "audit_logs_conn_id"
    default_conn_name = "audit_logs_default"
    conn_type = "audit_logs"
    hook_name = "Audit logs (SaaS API)"
    service = "the audit-log API"
    own_extras: ClassVar[tuple[str, ...]] = ("source",)

    def __init__(self, audit_logs_conn_id: str = default_conn_name, source: SourceSpec | str | None = None) -> None:
        super().__init__(audit_logs_conn_id)
        self._source = source

    @functools.cached_property
    def spec(self) -> SourceSpec:
        """The source that this connection is for.

        :raises ConfigurationError: it cannot be told.
        """
        if self._source is not None and not isinstance(self._source, str):
            return self._source
        name = self._source or self.extra("source")
        if name is None:
            for spec in REGISTRY.values():
                hosts = {spec.base_url, *spec.regions.values()}
                if any((self.connection.host or "-") in host for host in hosts):
                    return spec
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} does not say which source it is for: set 'source' in its extra "
                f"to one of {', '.join(sorted(REGISTRY))}."
            )
        if name not in REGISTRY:
            raise ConfigurationError(f"there is no source {name!r}; known are {', '.join(sorted(REGISTRY))}.")
        return REGISTRY[name]

    def pages(self, spec: SourceSpec | None = None, **options: Any) -> PageReader:
        """Return a reader of the source's pages.

        :param spec: another source over the same connection, for recovery.
        :param options: of :class:`~audit_provider.core.http.HttpClient`.
        """
        return PageReader(spec or self.spec, self.client(**options))

    def default_base_url(self) -> str:
        """Return the vendor's host."""
        return self.spec.base_url

    def authentication(self) -> AuthBase:
        """Return the bearer token's header."""
        return HeaderAuth("Authorization", f"Bearer {self.token}")

    def check(self) -> str:
        """Ask the vendor whose token it is."""
        return self.pages(tries=2).probe()
