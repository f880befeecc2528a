"""The names that users import from ``audit_provider``: those of the package, and two of each destination."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import DESTINATIONS

if TYPE_CHECKING:
    from audit_provider.core.destinations.spec import DestinationSpec

_OWN = {
    "audit_provider.dags": [
        "build_backfill",
        "build_incremental",
        "build_reconcile",
        "build_replay",
        "load_pipelines",
        "mistakes_in_pipelines",
    ],
    "audit_provider.hooks.audit_logs": ["AuditLogsHook"],
    "audit_provider.hooks.checkpoint_key": ["CheckpointKeyHook"],
    "audit_provider.operators": [
        "PullAuditLogsOperator",
        "ReconcileAuditLogsOperator",
        "ReportAuditLogsOperator",
        "ShipAuditLogsOperator",
        "VerifyAuditLogsOperator",
    ],
}

_LINE = 120
"""Letters that ``make format`` leaves in a line."""


def public_names() -> dict[str, str]:
    """Return the generated parts of ``audit_provider/__init__.py``, by their names."""
    homes = defaultdict(list, {home: list(names) for home, names in _OWN.items()})
    for spec in DESTINATIONS.values():
        homes["audit_provider.operators"].append(spec.operator_name)
        if spec.connection is not None:
            home, _, name = spec.hook_path.rpartition(".")
            homes[home].append(name)
    names = sorted((name, home) for home, found in homes.items() for name in found)
    return {
        "imports": "\n".join(_import(home, sorted(homes[home])) for home in sorted(homes)),
        "homes": "\n".join(f'    "{name}": "{home}",' for name, home in names),
        "names": "\n".join(f'    "{name}",' for name in sorted([*(name for name, _ in names), "__version__"])),
    }


def _import(home: str, names: list[str]) -> str:
    if len(names) == 1:
        return f"    from {home} import {names[0]}"
    listed = "".join(f"        {name},\n" for name in names)
    return f"    from {home} import (\n{listed}    )"


def operator_types() -> str:
    """Return the stub of ``audit_provider.operators``, so that editors and type checkers know the operators.

    Each argument is a template field, so a text, or several.
    """
    own = "\n".join(
        f"from {module} import {name} as {name}"
        for name, module in (
            ("PullAuditLogsOperator", "audit_provider.operators.pull"),
            ("ReconcileAuditLogsOperator", "audit_provider.operators.reconcile"),
            ("ReportAuditLogsOperator", "audit_provider.operators.report"),
            ("ShipAuditLogsOperator", "audit_provider.operators.ship"),
            ("VerifyAuditLogsOperator", "audit_provider.operators.verify"),
        )
    )
    classes = "\n".join(_stub(spec) for spec in DESTINATIONS.values())
    return (
        "# Written by make docs.\nfrom collections.abc import Mapping, Sequence\nfrom typing import Any\n\n"
        f"{own}\n\nSHIP_OPERATORS: Mapping[str, type[ShipAuditLogsOperator]]\n\n{classes}"
    )


def _stub(spec: DestinationSpec) -> str:
    fields = {each.name: each for each in dataclasses.fields(spec.options)}
    head = f"class {spec.operator_name}(ShipAuditLogsOperator):"
    if not spec.arguments:
        return f"{head} ...\n"
    arguments = "".join(f"{name}: {_annotation(fields[name])}, " for name in spec.arguments)
    signature = f"self, *, {arguments}**kwargs: Any"
    line = f"    def __init__({signature}) -> None: ..."
    if len(line) > _LINE:
        line = f"    def __init__(\n        {signature}\n    ) -> None: ..."
    return f"{head}\n{line}\n"


def _annotation(option: dataclasses.Field[Any]) -> str:
    kind = "Sequence[str]" if str(option.type).startswith("tuple") else "str"
    return kind if option.default is option.default_factory else f"{kind} | None = None"
