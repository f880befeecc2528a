"""Shipping to Splunk's HTTP Event Collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.operators.ship import ShipAuditLogsOperator
from audit_provider.operators.task import sleep_or_defer

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.model import Origin
    from audit_provider.core.pipeline import Delivery


class AuditLogsToSplunkHecOperator(ShipAuditLogsOperator):
    """Ship to Splunk's HTTP Event Collector.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and:

    :param index: index of the events; by default the token's own.
    :param sourcetype: of the events; by default ``_json``.
    """

    destination_type = "splunk_hec"
    option_names = ("index", "sourcetype")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)

    def __init__(self, *, index: str | None = None, sourcetype: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.sourcetype = sourcetype

    def connect(self, delivery: Delivery, origin: Origin) -> Destination:
        """Return the collector, by a connection of type ``splunk_hec``."""
        hook = SplunkHecHook(delivery.conn_id)
        return hook.destination(delivery.options, origin, sleep=sleep_or_defer)
