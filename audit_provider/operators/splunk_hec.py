"""Shipping to Splunk's HTTP Event Collector."""

from __future__ import annotations

from typing import Any

from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.operators.links import SplunkSearchLink
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToSplunkHecOperator(ShipAuditLogsOperator):
    """Ship to Splunk's HTTP Event Collector.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and:

    :param index: index of the events; by default the token's own.
    :param sourcetype: of the events; by default ``_json``.
    """

    destination_type = "splunk_hec"
    hook = SplunkHecHook
    option_names = ("index", "sourcetype")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (SplunkSearchLink(),)

    def __init__(self, *, index: str | None = None, sourcetype: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.sourcetype = sourcetype
