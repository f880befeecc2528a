"""One request budget for several tasks: polling, the windows of a backfill, the reconciliation, each in its own
process.

There is no lock between them, only records that one task writes and all read. So each *claims* its part: it writes how
much of the budget it is about to use, then reads all other claims, and uses its part only if all claims together fit.
Of two tasks that claim at once, the one that reads last sees both. A part that a task no longer uses still counts until
the end of the period in which it was used.

Polling has a part that nobody else may use (``1 - backfill_share``), so it needs no claim for it and is never delayed.
The rest is shared equally by the other tasks, or used by polling if there are no others.

Guarantee: in no period are there more requests than the budget, of all tasks together, whenever they begin, end or are
killed. Conditions: the clocks of the tasks agree within :data:`SKEW`, and only one process at a time runs under each
name, which Airflow's ``max_active_tis_per_dag=1`` ensures. Limits: polling that was killed does not know the requests
since its last commit, at most a minute; other pipelines and programs with the same credential are unknown. For those,
the service's headers are used: see
:meth:`audit_provider.core.wire.rate_limit.Pacer.observe`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.model import UTC
from audit_provider.core.wire.rate_limit import Burst, sent_since

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_provider.core.wire.rate_limit import RateLimit

POLLING = "polling"
RECONCILIATION = "reconciliation"
MOST_WINDOWS_AT_ONCE = 4
"""Number of lanes of a backfill; each reads one window at a time."""

SKEW = timedelta(seconds=5)
"""How far the clocks of two machines may differ."""

LEASE = timedelta(minutes=3)
"""How long a claim holds without being renewed: others cannot use a killed task's part for so long."""

LOOK_EVERY = timedelta(seconds=20)
"""How long a task uses its part before it reads the claims of others again."""

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""A time before anything was sent."""


def lane(number: int) -> str:
    """Return the name of a backfill's lane. :param number: from 1."""
    return f"backfill-{number}"


TASKS = (POLLING, RECONCILIATION, *(lane(number + 1) for number in range(MOST_WINDOWS_AT_ONCE)))
"""The tasks that may use a pipeline's budget."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A task's claim on a budget.

    :ivar part: Requests per period that it may send, apart from polling's own part.
    :ivar until: The task counts as present until then, and sends nothing later based on this claim.
    :ivar sent: When it sent its last requests, at the time of writing.
    """

    part: int = 0
    until: datetime = NEVER
    sent: tuple[Burst, ...] = ()


class Claims(Protocol):
    """Where the claims on one budget are kept, one record per task."""

    def load(self) -> Mapping[str, Claim]:
        """Return every task's claim, by name.

        :raises UnavailableError: the claims cannot be read.
        """

    def commit(self, claim: Claim) -> None:
        """Record this task's claim.

        :raises UnavailableError: it may not be recorded.
        """


class ClaimedPart:
    """The part of a budget that one task has claimed.

    :param limit: the whole budget.
    :param share: the part of it that is not reserved for polling, 0 to 1.
    :param task: one of :data:`TASKS`.
    :param history: returns when this task sent its last requests.
    """

    def __init__(
        self,
        limit: RateLimit,
        share: float,
        *,
        task: str,
        claims: Claims,
        history: Callable[[], tuple[Burst, ...]],
        now: Callable[[], datetime],
    ) -> None:
        self._whole = limit.share(share).requests
        self._own = limit.requests - self._whole
        self._task = task
        self._claims = claims
        self._history = history
        self._now = now
        self._period = timedelta(seconds=limit.per + limit.grain) + SKEW
        self._part = 0
        self._until = NEVER
        self._looked_at: datetime | None = None
        self._pause = _FIRST_PAUSE
        self._more_at = NEVER

    @property
    def is_claimed(self) -> bool:
        """Whether the records contain a claim that must be given up at the end."""
        return self._until != NEVER

    def allowed(self, used: int, moment: datetime) -> int:
        """See :class:`~audit_provider.core.wire.rate_limit.Part`. Reads the claims if that is due.

        :raises UnavailableError: the claims cannot be read or written.
        """
        own = self._own if self._task == POLLING else 0
        if own and used < own:
            return own
        if self._is_due(moment):
            self._look(moment)
        # As of now, because reading the claims may have taken long.
        return own + self._held(self._now())

    def more_at(self, moment: datetime) -> datetime:
        """See :class:`~audit_provider.core.wire.rate_limit.Part`."""
        return max(self._more_at, moment + timedelta(seconds=1))

    def give_up(self, resumes_at: datetime | None = None) -> None:
        """Let others have the part after its period.

        :param resumes_at: when this task continues; if that is soon, its part is not given to others meanwhile.
        """
        self._part, self._until, self._looked_at = 0, NEVER, None
        moment = self._now()
        back_soon = resumes_at is not None and resumes_at - moment <= LEASE
        self._claims.commit(Claim(0, resumes_at + LEASE if resumes_at and back_soon else moment, self._history()))

    def _is_due(self, moment: datetime) -> bool:
        if self._looked_at is None or not timedelta(0) <= moment - self._looked_at < LOOK_EVERY:
            return True
        # Without a part, read again as soon as there may be one. Polling does not wait for that.
        return self._task != POLLING and self._part == 0 and moment >= self._more_at

    def _held(self, moment: datetime) -> int:
        """Return the part that this task's own claim still allows."""
        return self._part if moment < self._until - SKEW else 0

    def _look(self, moment: datetime) -> None:
        """Claim this task's share if it is free; give back what exceeds it."""
        # If anything below fails, the next request must read the claims again.
        self._looked_at = None
        others, held = self._others(), self._held(moment)
        due = self._due(others, moment)
        part = due if due <= held else max(held, min(due, self._free(others, moment)))
        if part or self._part or self._task != POLLING:  # polling without a claimed part records nothing
            if part != self._part or self._until - moment < LEASE / 2:
                # A larger part is used only after all claims fit together; a smaller part applies before it is written.
                self._part = min(part, held)
                self._record(part, moment)
            if part > held and self._free(self._others(), moment) < part:
                part = held
                self._record(part, moment)
            self._part = part
        if self._part:
            self._pause = _FIRST_PAUSE
        else:
            # A random pause, so that two tasks that claimed at the same time do not do so again.
            self._more_at = moment + self._pause * random.uniform(0.7, 1.3)  # noqa: S311  # nosec B311
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._looked_at = moment

    def _record(self, part: int, moment: datetime) -> None:
        # The claim may be recorded even if the commit fails.
        self._until = moment + LEASE
        self._claims.commit(Claim(part, self._until, self._history()))

    def _others(self) -> Mapping[str, Claim]:
        now = self._now()
        return {task: _believed(claim, now) for task, claim in self._claims.load().items() if task != self._task}

    def _due(self, others: Mapping[str, Claim], moment: datetime) -> int:
        """Return this task's share if every task has its share."""
        present = [task for task, claim in others.items() if task != POLLING and claim.until > moment]
        if self._task == POLLING:
            return 0 if present else self._whole
        # The remainder goes to the reconciliation first, because a long backfill could leave it nothing.
        present = sorted([*present, self._task], key=lambda task: (task != RECONCILIATION, task))
        part, rest = divmod(self._whole, len(present))
        return part + (present.index(self._task) < rest)

    def _free(self, others: Mapping[str, Claim], moment: datetime) -> int:
        """Return the part of the rest that no other task uses, or has used within the last period."""
        return self._whole - sum(self._used(task, claim, moment) for task, claim in others.items())

    def _used(self, task: str, claim: Claim, moment: datetime) -> int:
        sent = sent_since(claim.sent, moment - self._period)
        if task == POLLING:
            sent = max(0, sent - self._own)
        return max(claim.part, sent) if moment < claim.until + self._period else sent


def _believed(claim: Claim, now: datetime) -> Claim:
    """Return a claim without values that only a clock far ahead can have written: they would block others."""
    latest = int((now + 2 * SKEW).timestamp() * 1000)
    sent = tuple(burst for burst in claim.sent if burst[0] <= latest)
    if claim.until > now + 2 * (LEASE + SKEW):
        return Claim(0, NEVER, sent)
    return replace(claim, sent=sent) if len(sent) < len(claim.sent) else claim


def left_behind(claim: Claim, own: int, moment: datetime) -> tuple[Burst, ...]:
    """Return when a task's earlier process sent requests, by its claim.

    If the claim was not given up, the process was killed, and may have sent all requests that it was allowed to send.

    :param own: requests per period that it needed no claim for. :param moment: the current time.
    """
    if not claim.part:
        return claim.sent
    return (*claim.sent, (int(min(claim.until, moment).timestamp() * 1000), claim.part + own))
