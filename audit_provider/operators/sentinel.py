"""Shipping to Microsoft Sentinel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.hooks.azure_logs_ingestion import AzureLogsIngestionHook
from audit_provider.operators.links import LogAnalyticsLink
from audit_provider.operators.ship import ShipAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery


class AuditLogsToSentinelOperator(ShipAuditLogsOperator):
    """Ship events to Microsoft Sentinel, or to any Log Analytics table, with the Logs Ingestion API.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToSentinelOperator(
            task_id="ship_sentinel",
            pipeline="pylon",
            conn_id="azure_logs_ingestion_default",
            rule_id="dcr-0123456789abcdef0123456789abcdef",
            stream="Custom-AuditLogs_CL",
        )

    :param rule_id: Immutable id of the data collection rule, ``dcr-…``.
    :param stream: Stream of the rule, ``Custom-…``.
    """

    destination_type = "sentinel"
    hook = AzureLogsIngestionHook
    option_names = ("rule_id", "stream")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (LogAnalyticsLink(),)

    def __init__(self, *, rule_id: str, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rule_id = rule_id
        self.stream = stream

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the endpoint, the rule and the stream."""
        return f"{super().endpoint(delivery)}/{delivery.options.rule_id}/{delivery.options.stream}"
