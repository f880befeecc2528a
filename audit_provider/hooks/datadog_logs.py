"""The connection type ``datadog_logs``: Datadog's log intake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from audit_provider.core.auth import HeaderAuth
from audit_provider.core.destinations.datadog import SITES, DatadogDestination, DatadogOptions, api_url, intake_url
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.links import datadog_explorer
from audit_provider.core.model import Fields, Origin
from audit_provider.hooks.service import PROMPTLY, ServiceHook

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Window


class DatadogLogsHook(ServiceHook):
    """Session and credential for Datadog's log intake, from a connection of type ``datadog_logs``.

    Example::

        hook = DatadogLogsHook("datadog_logs_default")
        ok, message = hook.test_connection()

    :param datadog_logs_conn_id: Connection: password (API key), host (only to override the intake: private link,
        proxy), extras ``site`` (default ``datadoghq.com``), ``verify``, ``proxies``, ``cert``, ``allow_http``,
        ``ssh_conn_id``.
    """

    conn_name_attr = "datadog_logs_conn_id"
    default_conn_name = "datadog_logs_default"
    conn_type = "datadog_logs"
    hook_name = "Datadog Logs"
    service = "Datadog"
    own_extras: ClassVar[tuple[str, ...]] = ("site",)

    def __init__(self, datadog_logs_conn_id: str = default_conn_name) -> None:
        super().__init__(datadog_logs_conn_id)

    @property
    def site(self) -> str:
        """The Datadog site.

        :raises ConfigurationError: there is no such site.
        """
        site: str = self.extra("site", SITES[0])
        if site not in SITES and not self.connection.host:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has the unknown site {site!r}; Datadog's sites are "
                f"{', '.join(SITES)}."
            )
        return site

    def default_base_url(self) -> str:
        """Return the site's intake."""
        return intake_url(self.site)

    def destination(
        self, options: DatadogOptions, origin: Origin, form: Form | None = None, **client: Any
    ) -> DatadogDestination:
        """Return the intake, ready to send. A connection with a host of its own is taken to serve the API too.

        :param form: how its events look. :param client: options of :class:`~audit_provider.core.http.HttpClient`.
        :raises ConfigurationError: the connection cannot be used.
        """
        api = self.client("" if self.connection.host else api_url(self.site), **client)
        return DatadogDestination(options, origin, self.client(**client), api, form=form)

    def link(self, options: DatadogOptions, origin: Origin, times: Window) -> str:
        """Return the site's log explorer; an intake of one's own does not tell the site. See :class:`ServiceHook`."""
        if self.connection.host and not self.extra("site"):
            return ""
        return datadog_explorer(self.site, options.service or origin.pipeline, options.source or origin.source, times)

    def authentication(self) -> AuthBase:
        """Return the API key's header."""
        return HeaderAuth({"DD-API-KEY": self.token})

    def check(self) -> str:
        """Validate the API key and reach the intake."""
        origin = Origin("check", "check", Fields(id="id", time="time"))
        return self.destination(DatadogOptions(), origin, **PROMPTLY).check()
