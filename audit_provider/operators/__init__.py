"""The operators: one pulls, one per destination type ships, one reports, one reconciles the past, one verifies.

Each is imported when it is first used, so the process of a task imports no destination that the task does not use.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.spec import operator_name
from audit_provider.core.discovery import imported_late

if TYPE_CHECKING:
    from types import ModuleType

    from audit_provider.operators.destinations import SHIP_OPERATORS
    from audit_provider.operators.pull import PullAuditLogsOperator
    from audit_provider.operators.reconcile import ReconcileAuditLogsOperator
    from audit_provider.operators.report import ReportAuditLogsOperator
    from audit_provider.operators.ship import ShipAuditLogsOperator
    from audit_provider.operators.verify import VerifyAuditLogsOperator

__all__ = [
    "SHIP_OPERATORS",
    *(operator_name(each) for each in DESTINATIONS.own),
    "PullAuditLogsOperator",
    "ReconcileAuditLogsOperator",
    "ReportAuditLogsOperator",
    "ShipAuditLogsOperator",
    "VerifyAuditLogsOperator",
]

_late = imported_late(
    __name__,
    {
        "audit_provider.operators.destinations": ("SHIP_OPERATORS",),
        "audit_provider.operators.pull": ("PullAuditLogsOperator",),
        "audit_provider.operators.reconcile": ("ReconcileAuditLogsOperator",),
        "audit_provider.operators.report": ("ReportAuditLogsOperator",),
        "audit_provider.operators.ship": ("ShipAuditLogsOperator",),
        "audit_provider.operators.verify": ("VerifyAuditLogsOperator",),
    },
)


class _Modules(MetaPathFinder, Loader):
    """Creates the module of a destination's operator, such as ``audit_provider.operators.s3``, when it is imported.

    Other providers have a module for each operator, so DAGs import from it.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return the spec of the module, or None if no destination has its name."""
        package, _, name = fullname.rpartition(".")
        return ModuleSpec(fullname, self) if package == __name__ and name in DESTINATIONS else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the operator into its module."""
        from audit_provider.operators.destinations import SHIP_OPERATORS

        operator = SHIP_OPERATORS[module.__name__.rpartition(".")[2]]
        module.__doc__ = operator.__doc__
        setattr(module, operator.__name__, operator)


sys.meta_path.append(_Modules())


def __getattr__(name: str) -> Any:
    if name.startswith("AuditLogsTo"):
        for each in DESTINATIONS:
            if operator_name(each) == name:
                from audit_provider.operators.destinations import SHIP_OPERATORS

                return SHIP_OPERATORS[each]
    return _late(name)
