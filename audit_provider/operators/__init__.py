"""The tasks: one pulls, one per destination type ships, one reports, one compares the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.operators.destinations import SHIP_OPERATORS
from audit_provider.operators.pull import PullAuditLogsOperator
from audit_provider.operators.reconcile import ReconcileAuditLogsOperator
from audit_provider.operators.report import ReportAuditLogsOperator
from audit_provider.operators.ship import ShipAuditLogsOperator

_SHIP = {each.__name__: each for each in SHIP_OPERATORS.values()}
globals().update(_SHIP)

__all__ = [
    "SHIP_OPERATORS",
    *_SHIP,
    "PullAuditLogsOperator",
    "ReconcileAuditLogsOperator",
    "ReportAuditLogsOperator",
    "ShipAuditLogsOperator",
]

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Return the operator of a destination."""
