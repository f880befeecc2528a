"""What Airflow knows of a pipeline's incremental DAG: its last run, and the last one that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ACTIVE = ("running", "queued")
"""States of a run that has not ended."""

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DagFacts:
    """What Airflow knows of a DAG. A run that goes on says nothing of how things are; the last that ended does.

    :ivar withheld: whether the user may not read the DAG, so that nothing else is known of it.
    :ivar next_run: when the next one is due. :ivar run_id: of the last run, "" where there is none.
    :ivar run_at: when that ended, or was due.
    :ivar ended_id: of the last run that has ended, "" where none has. :ivar ended_began: when it began, and
        :ivar ended_at: when it ended. :ivar failed: tasks of it, where it has failed.
    :ivar loading: other DAGs of the pipeline that run now, ``backfill`` or ``reconcile``.
    :ivar retrying: tasks of the last run that are tried again, to when that is at the earliest.
    """

    withheld: bool = False
    paused: bool = False
    stale: bool = False
    next_run: datetime | None = None
    run_id: str = ""
    run_state: str = ""
    run_at: datetime | None = None
    ended_id: str = ""
    ended_state: str = ""
    ended_began: datetime | None = None
    ended_at: datetime | None = None
    failed: tuple[str, ...] = ()
    loading: frozenset[str] = frozenset()
    retrying: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """Whether a run goes on, or waits for its turn."""
        return self.run_state in ACTIVE

    def next_try(self, task: str) -> datetime | None:
        """Return when a task is tried next, in this run or the one that is due; None where nothing says so."""
        if self.paused or self.stale or self.withheld:
            return None
        return self.retrying.get(task, self.next_run)


def retry_at(ended: datetime, tries: int, delay: timedelta) -> datetime:
    """Return when Airflow tries a task again at the earliest.

    With exponential backoff it waits from one to two times ``delay``, doubled with every try.

    :param tries: so far.
    """
    return ended + delay * int(2 ** max(tries - 1, 0))
