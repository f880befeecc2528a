"""Builds DAGs from pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.discovery import imported_late

if TYPE_CHECKING:
    from audit_provider.dags.backfill import build_backfill
    from audit_provider.dags.incremental import build_incremental
    from audit_provider.dags.reconcile import build_reconcile
    from audit_provider.dags.replay import build_replay
    from audit_provider.dags.tasks import mistakes_in_pipelines
    from audit_provider.host.pipelines import load_pipelines

__all__ = [
    "build_backfill",
    "build_incremental",
    "build_reconcile",
    "build_replay",
    "load_pipelines",
    "mistakes_in_pipelines",
]

__getattr__ = imported_late(
    __name__,
    {
        "audit_provider.dags.backfill": ("build_backfill",),
        "audit_provider.dags.incremental": ("build_incremental",),
        "audit_provider.dags.reconcile": ("build_reconcile",),
        "audit_provider.dags.replay": ("build_replay",),
        "audit_provider.dags.tasks": ("mistakes_in_pipelines",),
        "audit_provider.host.pipelines": ("load_pipelines",),
    },
)
