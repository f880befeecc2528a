"""What Airflow knows about a pipeline's incremental DAG: its last run, and the last one that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ACTIVE = ("running", "queued")
"""States of a run that has not ended."""

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DagFacts:
    """What Airflow knows about a DAG. The state of a pipeline is judged by the last run that has ended.

    :ivar withheld: whether the user may not read the DAG; then the other fields are empty.
    :ivar next_run: when the next run is due.
    :ivar run_id: of the last run, "" if there is none. :ivar run_at: when it ended, or was due.
    :ivar ended_id: of the last run that has ended, "" if none has.
    :ivar ended_began: when that run began, and :ivar ended_at: when it ended. :ivar failed: its failed tasks.
    :ivar loading: other DAGs of the pipeline that run now, ``backfill`` or ``reconcile``.
    :ivar retrying: tasks of the last run that wait for a retry, with the earliest time of the retry.
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
        """Whether a run is running or queued."""
        return self.run_state in ACTIVE

    def next_try(self, task: str) -> datetime | None:
        """Return when a task is tried next, in this run or the one that is due; None if this is not known."""
        if self.paused or self.stale or self.withheld:
            return None
        return self.retrying.get(task, self.next_run)


def retry_at(ended: datetime, tries: int, delay: timedelta) -> datetime:
    """Return when Airflow tries a task again at the earliest.

    With exponential backoff it waits from one to two times ``delay``, doubled with every try.

    :param tries: number of tries so far.
    """
    return ended + delay * int(2 ** max(tries - 1, 0))
