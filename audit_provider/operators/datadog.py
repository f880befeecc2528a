"""Shipping to Datadog Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.hooks.datadog_logs import DatadogLogsHook
from audit_provider.operators.ship import ShipAuditLogsOperator
from audit_provider.operators.task import sleep_or_defer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.model import Origin
    from audit_provider.core.pipeline import Delivery


class AuditLogsToDatadogOperator(ShipAuditLogsOperator):
    """Ship to Datadog's log intake.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and:

    :param service: service of the logs; by default the pipeline's name.
    :param tags: ``key:value`` texts on every log.
    """

    destination_type = "datadog"
    option_names = ("service", "tags")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)

    def __init__(self, *, service: str | None = None, tags: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.tags = tags

    def connect(self, delivery: Delivery, origin: Origin) -> Destination:
        """Return the intake, by a connection of type ``datadog_logs``."""
        hook = DatadogLogsHook(delivery.conn_id)
        return hook.destination(delivery.options, origin, sleep=sleep_or_defer)
