"""Shipping to Datadog Logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit_provider.hooks.datadog_logs import DatadogLogsHook
from audit_provider.operators.links import DatadogExplorerLink
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToDatadogOperator(ShipAuditLogsOperator):
    """Ship events to Datadog's log intake.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToDatadogOperator(
            task_id="ship_datadog", pipeline="pylon", conn_id="datadog_logs_default", tags=["team:security"]
        )

    :param service: ``service`` of the logs. Default: the pipeline's name.
    :param tags: ``key:value`` texts for every log.
    """

    destination_type = "datadog"
    hook = DatadogLogsHook
    option_names = ("service", "tags")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (DatadogExplorerLink(),)

    def __init__(self, *, service: str | None = None, tags: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.tags = tags
