"""Shipping to Splunk's HTTP Event Collector."""

from __future__ import annotations

from typing import Any

from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.operators.links import SplunkSearchLink
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToSplunkHecOperator(ShipAuditLogsOperator):
    """Ship events to Splunk's HTTP Event Collector.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToSplunkHecOperator(
            task_id="ship_splunk", pipeline="pylon", conn_id="splunk_hec_default", index="audit"
        )

    :param index: Index for the events. Default: the token's default index.
    :param sourcetype: ``sourcetype`` of the events. Default: ``_json``.
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
