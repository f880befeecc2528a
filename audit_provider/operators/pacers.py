"""Who may send how often: the request budgets of one task, which polling and a backfill share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import utc_now
from audit_provider.core.rate_limit import Pacer
from audit_provider.operators.task import sleep_or_defer
from audit_provider.state import PaceVariable

if TYPE_CHECKING:
    from audit_provider.core.rate_limit import RateLimit
    from audit_provider.core.sources import SourceSpec


class Pacers:
    """One pacer per API, which goes on where the last run left it.

    :param sent: when the live reading sent its last requests, by source.
    :param share: part of the budget that a backfill may use. :param backfilling: whether this task is one of it.
    """

    def __init__(
        self, pipeline: str, sent: Mapping[str, Sequence[datetime]], *, share: float, backfilling: bool
    ) -> None:
        self._sent = sent
        self._sent_by_backfill = PaceVariable(pipeline).load()
        self._share = share
        self._backfilling = backfilling
        self._pacers: dict[str, Pacer] = {}

    def of(self, source: SourceSpec) -> Pacer:
        """Return the pacer of a source. Two sources of one name are one API, with one budget."""
        if source.name not in self._pacers:
            backfill = self._sent_by_backfill.get(source.name, ())
            history = [*self._sent.get(source.name, ()), *backfill]
            limit = self._budget(source.rate_limit, backfill)
            self._pacers[source.name] = Pacer(limit, history=history, sleep=sleep_or_defer, now=utc_now)
        return self._pacers[source.name]

    def _budget(self, limit: RateLimit, backfill: Sequence[datetime]) -> RateLimit:
        """Return this task's part of the budget: all of it, unless a backfill and polling have to share it."""
        if self._backfilling:
            return limit.share(self._share)
        horizon = utc_now() - timedelta(seconds=2 * limit.per)
        busy = any(sent > horizon for sent in backfill)
        return limit.share(1 - self._share) if busy else limit
