"""Who may send how often: the request budgets of one task, of which other tasks use parts at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger import TaskClaims
from audit_provider.core.model import utc_now
from audit_provider.core.watched import budget_beside_looks
from audit_provider.core.wire.budget import NEVER, POLLING, TASKS, Claim, ClaimedPart, left_behind
from audit_provider.core.wire.rate_limit import Burst, Pacer, stamps_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.wire.rate_limit import RateLimit


class Pacers:
    """One pacer per API, which goes on where this task's last run left it.

    :param task: one of :data:`audit_provider.core.wire.budget.TASKS`.
    :param sent: when it sent its last requests as far as its position says, by source.
    :param share: part of the budget that is not polling's own, 0 to 1. :param watched: whether looks have a part of it.
    :param sleep: called with seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        pipeline: str,
        task: str,
        sent: Mapping[str, Sequence[datetime | Burst]],
        *,
        share: float,
        watched: bool = False,
        sleep: Callable[[float], None],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._ledger = ledger
        self._pipeline = pipeline
        self._task = task
        self._sent = sent
        self._share = share
        self._watched = watched
        self._sleep = sleep
        self._now = now
        own = TaskClaims(ledger, pipeline, task)
        # Before its first commit a pipeline has no record.
        self._claims = own.begin() if sent else own.load()
        self._pacers: dict[str, Pacer] = {}
        self._parts: dict[str, ClaimedPart] = {}

    def of(self, source: SourceSpec) -> Pacer:
        """Return the pacer of a source. Two sources of one name are one API, with one budget.

        :raises ConfigurationError: its budget is of one request, which polling and a backfill cannot share.
        """
        if source.name not in self._pacers:
            self._pacers[source.name] = self._made(source.name, self._limit(source.rate_limit))
        return self._pacers[source.name]

    @property
    def made(self) -> int:
        """How many requests this process has sent, of every source."""
        return sum(each.made for each in self._pacers.values())

    def give_up(self, resumes_at: datetime | None = None) -> None:
        """Leave what was claimed to others. :param resumes_at: when this task goes on; None where it has ended.

        :raises UnavailableError: it may not be recorded, and then holds for some minutes more.
        """
        for part in self._parts.values():
            if part.is_claimed:
                part.give_up(resumes_at)

    def _limit(self, whole: RateLimit) -> RateLimit:
        return budget_beside_looks(whole) if self._watched else whole

    def _made(self, name: str, limit: RateLimit) -> Pacer:
        whole = limit.share(self._share).requests
        if whole < 1 and self._task != POLLING:
            raise ConfigurationError(
                f"the budget of {self._pipeline}, one request in {limit.per:g} s, cannot be shared with polling: set "
                f"its rate_limit to at least 2 requests in a longer time."
            )
        own = limit.requests - whole if self._task == POLLING else 0
        history = self._history(name, own)
        claims = _SourceClaims(self._ledger, self._pipeline, self._task, name, self._claims)
        part = ClaimedPart(
            limit, self._share, task=self._task, claims=claims, history=lambda: pacer.history, now=self._now
        )
        pacer = Pacer(limit, history=history, part=part, sleep=self._sleep, now=self._now)
        self._parts[name] = part
        return pacer

    def _history(self, name: str, own: int) -> Sequence[datetime | Burst]:
        """Return when this task's last runs sent requests, by its claim or its position, whichever knows more."""
        claim = self._claims.get(name, Claim())
        by_claim, by_position = left_behind(claim, own, self._now()), self._sent.get(name, ())
        newest = [max(stamps_of(each), default=NEVER) for each in (by_claim, by_position)]
        return by_claim if newest[0] > newest[1] else by_position


class _SourceClaims:
    """The claims on the budget of one source. :param own: all claims of this task, by source."""

    def __init__(self, ledger: Ledger, pipeline: str, task: str, source: str, own: dict[str, Claim]) -> None:
        self._task = task
        self._source = source
        self._own = own
        self._records = {each: TaskClaims(ledger, pipeline, each) for each in TASKS}

    def load(self) -> Mapping[str, Claim]:
        others = ((task, each.load()) for task, each in self._records.items() if task != self._task)
        return {task: claims[self._source] for task, claims in others if self._source in claims}

    def commit(self, claim: Claim) -> None:
        self._own[self._source] = claim
        self._records[self._task].commit(self._own)
