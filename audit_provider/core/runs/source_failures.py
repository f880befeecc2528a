"""Keeps how each run that reads a source ended. It decides no run: a record that cannot be written is only logged."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, FencedError, WaitError
from audit_provider.core.ledger import source_record
from audit_provider.core.source_health import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.progress import Log

MOST_LETTERS = 500
"""Of an error that is kept, as for a destination."""


@contextmanager
def source_failures_kept(
    ledger: Ledger, pipeline: str, *, run_id: str, now: Callable[[], datetime], log: Log
) -> Iterator[None]:
    """Record how the work inside ends: its failure, or that it ended well.

    A wait is neither, nor is the end of a run that another one has replaced. A record is written where it says
    something new, so runs that go well write none.

    :param run_id: of the DAG run, "" where there is none: the tries of one run count as one failure.
    """
    try:
        yield
    except (WaitError, FencedError):
        raise
    except AuditError as error:
        _keep_failure(ledger, pipeline, str(error), run_id, now(), log)
        raise
    except Exception as error:
        # Only words of this package's own hold no secret.
        said = f"The pull task ended with an unexpected {type(error).__name__}: see its log."
        _keep_failure(ledger, pipeline, said, run_id, now(), log)
        raise
    _keep_success(ledger, pipeline, log)


def _keep_failure(ledger: Ledger, pipeline: str, said: str, run_id: str, now: datetime, log: Log) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        before = record.load() or SourceHealth()
        same = bool(before.failures_in_a_row and run_id) and before.failed_run == run_id
        record.commit(
            SourceHealth(
                failures_in_a_row=before.failures_in_a_row + (not same),
                failing_since=before.failing_since or now,
                failed_at=now,
                failed_run=run_id,
                last_error=said[:MOST_LETTERS],
            )
        )


def _keep_success(ledger: Ledger, pipeline: str, log: Log) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        if (before := record.load()) is None or before.failures_in_a_row:
            record.commit(SourceHealth())


@contextmanager
def _only_logged(log: Log) -> Iterator[None]:
    try:
        yield
    except AuditError as error:
        log.warning("How this run ended is not recorded for the page: %s", error)
