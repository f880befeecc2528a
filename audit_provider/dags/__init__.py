"""From pipelines to DAGs."""

from audit_provider.dags.backfill import build_backfill
from audit_provider.dags.incremental import build_incremental
from audit_provider.dags.pipelines import load_pipelines, mistakes_in_pipelines
from audit_provider.dags.reconcile import build_reconcile

__all__ = ["build_backfill", "build_incremental", "build_reconcile", "load_pipelines", "mistakes_in_pipelines"]
