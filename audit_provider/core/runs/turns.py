"""The process that watches a pipeline: decide when to look at the source, and when to start a run.

A run is started if a look finds something, if a look fails, or if events wait for a destination. Nothing is lost if a
start is lost or doubled, or if this process ends at any moment: a run reads from its own position, a restarted process
looks from that position too, and the pipeline's schedule starts a run at least hourly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, WaitError
from audit_provider.core.ledger.health import ERROR_LENGTH
from audit_provider.core.model import text_of
from audit_provider.core.runs.look import LEFT_UNREAD, NO_POSITION
from audit_provider.core.sources.watched import HAND_OVER_EVERY, LastLook

if TYPE_CHECKING:
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.look import Lookout
    from audit_provider.core.sources.watched import LookRecord

START_AGAIN = timedelta(minutes=5)
"""How long to wait until a started run reads before starting another one, also if the same events are found again."""

_MOST = timedelta(hours=1)
_FIRST_ASK, _MOST_ASK = timedelta(seconds=10), timedelta(minutes=1)
"""First and longest wait before the position is read again; reading it costs as much as several looks."""

_AFTER_FAILURE, _MOST_AFTER_FAILURE = timedelta(minutes=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do after a turn.

    :ivar pause: time before the next turn. :ivar start: why to start a run, "" to start none.
    """

    pause: timedelta
    start: str = ""


@dataclass
class _Started:
    """A run that was started for what a look has found.

    :ivar asked: how often the position was read since.
    """

    at: datetime
    found: frozenset[str]
    awaited: bool = True
    asked: int = 0


class Turns:
    """Looks, one turn after another.

    :param opened: opens a lookout. It is called again after a failure and hourly, because a connection may change.
    :param behind: returns the destinations for which events wait.
    :param every: time between two looks.
    """

    def __init__(
        self,
        *,
        opened: Callable[[], Lookout],
        behind: Callable[[], Sequence[str]],
        record: LookRecord,
        every: timedelta,
        now: Callable[[], datetime],
        log: Log,
    ) -> None:
        self._open = opened
        self._behind = behind
        self._record = record
        self._every = every
        self._now = now
        self._log = log
        self._lookout: Lookout | None = None
        self._opened_at = now()
        self._started: _Started | None = None
        self._asked_behind_at = now()
        self._failures = 0
        self._last = LastLook(now(), every=every.total_seconds())
        self._handed_over: LastLook | None = None

    def take(self) -> Turn:
        """Look, or wait for the run that was started."""
        try:
            return self._taken()
        except WaitError as wait:
            self._log.info("%s The next look is then.", wait)
            self._last = replace(self._last, waits_until=wait.until)
            return Turn(min(max(wait.until - self._now(), self._every), _MOST))
        except AuditError as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a watch that ends by an error would be begun again at once
            # A message from outside this package may contain a secret.
            return self._failed(f"A look ended with an unexpected {type(error).__name__}.")

    def close(self) -> None:
        """Forget earlier looks."""
        if self._lookout:
            self._lookout.forget()
        self._lookout = None

    def _taken(self) -> Turn:
        now = self._now()
        # Before the look: a restarted process must know that this one may send requests.
        self._hand_over(now)
        if self._started and now < self._started.at:
            self._started = None  # the clock was set back: a start in the future says nothing
        if self._lookout is None or not timedelta(0) <= now - self._opened_at < _MOST:
            self.close()
            self._lookout, self._opened_at = self._open(), now
        started = self._started
        if started and started.awaited:
            run = self._lookout.run_since(started.at)
            if run != "done":
                return self._await(started, now, reads=run == "reading")
            started.awaited = False
        found = self._lookout.look()
        now = self._now()
        self._last = replace(self._last, looked_at=now, failing_since=None, last_error="", waits_until=None)
        recovered, self._failures = self._failures, 0
        if found and not self._was_just_started_for(found, now):
            return self._start(now, found, "the source can be read again" if recovered else _why(found))
        if recovered:
            return Turn(self._every, "the source can be read again")
        if not timedelta(0) <= now - self._asked_behind_at < START_AGAIN:
            self._asked_behind_at = now
            if behind := self._behind():
                return Turn(self._every, f"something waits for {', '.join(behind)}")
        return Turn(self._every)

    def _start(self, now: datetime, found: frozenset[str], why: str) -> Turn:
        self._log.info("A run is started: %s.", why)
        self._started = _Started(now, found)
        self._asked_behind_at = now  # the run ships too
        return Turn(_FIRST_ASK, why)

    def _was_just_started_for(self, found: frozenset[str], now: datetime) -> bool:
        """Whether a run for the same events was started a short time ago; a run may judge that they are not new."""
        started = self._started
        return started is not None and found <= started.found and now - started.at < START_AGAIN

    def _await(self, started: _Started, now: datetime, *, reads: bool) -> Turn:
        """Wait until the run that was started has read the source, and start another one if none begins."""
        if not reads and now - started.at >= START_AGAIN:
            self._started = replace(started, at=now, asked=0)
            self._log.warning("No run has read the source since %s: another one is started.", text_of(started.at))
            return Turn(_FIRST_ASK, "no run has read the source yet")
        started.asked += 1
        return Turn(min(_FIRST_ASK * 2 ** min(started.asked, 3), _MOST_ASK))

    def _failed(self, said: str) -> Turn:
        """Record a failure.

        The first one in a row starts a run; if that fails too, Airflow shows it and notifies people.
        """
        now = self._now()
        self.close()
        self._failures += 1
        self._log.warning("The look failed: %s", said)
        self._last = replace(
            self._last, failing_since=self._last.failing_since or now, last_error=said[:ERROR_LENGTH], waits_until=None
        )
        pause = min(_AFTER_FAILURE * 2 ** min(self._failures - 1, 3), _MOST_AFTER_FAILURE)
        return Turn(pause, "a look failed" if self._failures == 1 else "")

    def _hand_over(self, now: datetime) -> None:
        """Write the record if it is due, or if looks have begun to fail or to succeed since it was written."""
        kept = self._handed_over
        same = kept is not None and (kept.last_error, kept.waits_until) == (
            self._last.last_error,
            self._last.waits_until,
        )
        if kept is None or not same or not timedelta(0) <= now - kept.kept_at < HAND_OVER_EVERY:
            self._last = replace(self._last, kept_at=now)
            self._record.keep(self._last)
            self._handed_over = self._last


def _why(found: frozenset[str]) -> str:
    unread = {NO_POSITION: "the source was not read yet", LEFT_UNREAD: "the last run has left something unread"}
    return next((why for name, why in unread.items() if name in found), f"{len(found)} new")
