"""Shipping to any receiver over HTTP."""

from __future__ import annotations

from typing import Any

from audit_provider.hooks.http_siem import HttpSiemHook
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToHttpOperator(ShipAuditLogsOperator):
    """Ship to a receiver over HTTP.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and:

    :param preset: a receiver known by name: ``sumo_logic``, ``new_relic``, ``logscale``, ``panther``, ``loki``,
        ``otlp`` or ``google_secops``.
    :param shape: of a body, without a preset: ``array``, ``ndjson``, ``single`` or ``wrapped``.
    """

    destination_type = "http"
    hook = HttpSiemHook
    option_names = ("preset", "shape")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)

    def __init__(self, *, preset: str | None = None, shape: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.preset = preset
        self.shape = shape
