"""The connection type ``splunk_hec``: a Splunk HTTP Event Collector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from audit_provider.core.auth import HeaderAuth
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from audit_provider.core.links import splunk_search, splunk_search_page
from audit_provider.core.model import Fields, Origin
from audit_provider.hooks.service import PROMPTLY, ServiceHook

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Window


class SplunkHecHook(ServiceHook):
    """Session and credential for a Splunk HTTP Event Collector, from a connection of type ``splunk_hec``.

    Example::

        hook = SplunkHecHook("splunk_hec_default")
        ok, message = hook.test_connection()

    :param splunk_hec_conn_id: Connection: host (base URL, for example ``https://splunk.example.com:8088``), password
        (HEC token), extras ``channel`` (a GUID), ``ack``, ``search_url`` (address of the Search app, for links),
        ``verify``, ``proxies``, ``cert``, ``allow_http``, ``ssh_conn_id``.
    """

    conn_name_attr = "splunk_hec_conn_id"
    default_conn_name = "splunk_hec_default"
    conn_type = "splunk_hec"
    hook_name = "Splunk HTTP Event Collector"
    service = "Splunk HEC"
    own_extras: ClassVar[tuple[str, ...]] = ("channel", "ack", "search_url")

    def __init__(self, splunk_hec_conn_id: str = default_conn_name) -> None:
        super().__init__(splunk_hec_conn_id)

    def authentication(self) -> AuthBase:
        """Return the collector's header."""
        return HeaderAuth({"Authorization": f"Splunk {self.token}"})

    def destination(
        self, options: SplunkHecOptions, origin: Origin, form: Form | None = None, **client: Any
    ) -> SplunkHecDestination:
        """Return the collector, ready to send.

        :param form: how its events look. :param client: options of :class:`~audit_provider.core.http.HttpClient`.
        :raises ConfigurationError: the connection cannot be used.
        """
        options = replace(options, ack=self.flag("ack", default=options.ack))
        return SplunkHecDestination(options, origin, self.client(**client), self.extra("channel"), form=form)

    def link(self, options: SplunkHecOptions, origin: Origin, times: Window) -> str:
        """Return a search for what was shipped, where the Search app's address is known. See :class:`ServiceHook`."""
        page = self.page_extra("search_url") or splunk_search_page(self.address())
        return splunk_search(page, options.index, options.source or origin.pipeline, times) if page else ""

    def check(self) -> str:
        """Send an empty body, which a valid token answers with code 5."""
        origin = Origin("check", "check", Fields(id="id", time="time"))
        return self.destination(SplunkHecOptions(), origin, **PROMPTLY).check()
