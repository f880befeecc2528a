"""The names that users import from ``audit_provider``: those of the package, and two of each destination."""

from __future__ import annotations

from collections import defaultdict

from audit_provider.core.destinations.registry import DESTINATIONS

_OWN = {
    "audit_provider.dags": [
        "build_backfill",
        "build_incremental",
        "build_reconcile",
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
    ],
}


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
