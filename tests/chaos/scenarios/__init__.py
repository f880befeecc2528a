"""The scenarios, by name. Each is ``scenario(rig, dice, seed, long)`` and returns its figures."""

from tests.chaos.scenarios.airflow import real_airflow
from tests.chaos.scenarios.celery import celery_workers
from tests.chaos.scenarios.damage import damaged_segments
from tests.chaos.scenarios.forgery import forged_spool
from tests.chaos.scenarios.kills import kills
from tests.chaos.scenarios.outages import destinations_down, sources_failing
from tests.chaos.scenarios.progress import clock_jumps, frozen_tasks, older_database, two_at_once, variables_failing
from tests.chaos.scenarios.restored import (
    backfill_first,
    exchanged_account,
    older_database_later,
    older_spool,
    renamed_pipeline,
)
from tests.chaos.scenarios.retention import retention_passed, rows_dropped
from tests.chaos.scenarios.spool import disk_full, spool_on_s3, spool_read_only
from tests.chaos.scenarios.watched import watched_airflow

SCENARIOS = {
    each.__name__: each
    for each in (
        kills,
        disk_full,
        spool_read_only,
        spool_on_s3,
        variables_failing,
        two_at_once,
        frozen_tasks,
        older_database,
        older_database_later,
        older_spool,
        renamed_pipeline,
        exchanged_account,
        backfill_first,
        clock_jumps,
        damaged_segments,
        sources_failing,
        destinations_down,
        retention_passed,
        rows_dropped,
        forged_spool,
        real_airflow,
        watched_airflow,
        celery_workers,
    )
}

LONG_ONLY = frozenset({"real_airflow", "watched_airflow", "celery_workers"})
"""Scenarios that take minutes."""

BY_HAND = frozenset({"real_airflow", "celery_workers"})
"""Scenarios that start runs themselves, also where pipelines are watched."""
