"""Shipping to any receiver over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.hooks.http_siem import HttpSiemHook
from audit_provider.operators.links import ReceiverLink
from audit_provider.operators.ship import ShipAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery


class AuditLogsToHttpOperator(ShipAuditLogsOperator):
    """Ship events to any HTTP receiver.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToHttpOperator(task_id="ship_loki", pipeline="pylon", conn_id="http_siem_default", preset="loki")

    :param preset: A receiver known by name: ``sumo_logic``, ``new_relic``, ``logscale``, ``panther``, ``loki``,
        ``otlp`` or ``google_secops``.
    :param shape: Form of a request body, only without a preset: ``array``, ``ndjson``, ``single`` or ``wrapped``.
    """

    destination_type = "http"
    hook = HttpSiemHook
    option_names = ("preset", "shape")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (ReceiverLink(),)

    def __init__(self, *, preset: str | None = None, shape: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.preset = preset
        self.shape = shape

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the receiver's URL, as far as it is no secret."""
        hook = HttpSiemHook(delivery.conn_id)
        hook.must_hide_address(delivery.options)
        return hook.shown_address()
