"""How the runs that read a source ended: what is recorded of their failures, and that these have ended."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, FencedError, WaitError
from audit_provider.core.ledger import position_record, source_record
from audit_provider.core.outages import ERROR_LENGTH, outages_after
from audit_provider.core.source_health import SourceHealth, standing
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.pulling import Pulling


@contextmanager
def source_failures_kept(
    ledger: Ledger,
    pipeline: str,
    *,
    run_id: str,
    now: Callable[[], datetime],
    log: Log,
    run: Callable[[], Pulling | None] = lambda: None,
) -> Iterator[None]:
    """Record how the work inside ends: its failure, or that it ended well.

    A wait is neither, nor is the end of a run that another one has replaced. A record is written where it says
    something new, so runs that go well write none. A run that has found nothing new does not even read it: its position
    says that it has read the source to its end since, see
    :func:`~audit_provider.core.source_health.standing`.

    :param run_id: of the DAG run, "" where there is none: the tries of one run count as one failure.
    :param run: returns the run inside, once there is one.
    """
    try:
        yield
    except (WaitError, FencedError):
        raise
    except AuditError as error:
        _keep_failure(ledger, pipeline, str(error), run_id, now(), log, run())
        raise
    except Exception as error:
        # Only words of this package's own hold no secret.
        said = f"The pull task ended with an unexpected {type(error).__name__}: see its log."
        _keep_failure(ledger, pipeline, said, run_id, now(), log, run())
        raise
    done = run()
    if done is None or not done.says_it_ended_well:
        _keep_success(ledger, pipeline, now(), log, done)


def _keep_failure(
    ledger: Ledger, pipeline: str, said: str, run_id: str, now: datetime, log: Log, run: Pulling | None
) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        kept = record.load() or SourceHealth()
        read_before = run.read_before if run else None
        if read_before is None and kept.failures_in_a_row:
            read_before = _last_complete(ledger, pipeline)
        before = standing(kept, read_before)
        same = bool(before.failures_in_a_row and run_id) and before.failed_run == run_id
        record.commit(
            SourceHealth(
                failures_in_a_row=before.failures_in_a_row + (not same),
                failing_since=before.failing_since or now,
                failed_at=now,
                failed_run=run_id,
                last_error=said[:ERROR_LENGTH],
                outages=before.outages,
            )
        )


def _last_complete(ledger: Ledger, pipeline: str) -> datetime | None:
    """Return when the source was read to its end, by its position, of a run that has failed before it had loaded it.

    None where that cannot be read: the failure is recorded all the same.
    """
    try:
        position = position_record(ledger, StreamName(pipeline)).load()
    except AuditError:
        return None
    return position.last_complete if position else None


def _keep_success(ledger: Ledger, pipeline: str, now: datetime, log: Log, run: Pulling | None) -> None:
    with _only_logged(log):
        record = source_record(ledger, pipeline)
        kept = record.load()
        if kept is None or kept.failures_in_a_row:
            before = standing(kept or SourceHealth(), run.read_before if run else None)
            record.commit(SourceHealth(outages=outages_after(before, now)))


@contextmanager
def _only_logged(log: Log) -> Iterator[None]:
    try:
        yield
    except AuditError as error:
        log.warning("How this run ended is not recorded for the page: %s", error)
