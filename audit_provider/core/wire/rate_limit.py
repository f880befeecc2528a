"""Pacing to the vendor's budget, so that a healthy run never meets a 429."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.core.model import UTC
from audit_provider.core.wire.waits import remaining_requests, waits_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MARGIN = 0.1
"""Seconds kept beyond the period, because a vendor may count a request at its very end too."""

_BURSTS = 60
"""Number of parts of a period in which the times of requests are rounded for the next process."""

Burst = tuple[int, int]
"""Requests that were sent at or shortly before a moment: its milliseconds since 1970, and how many they were."""

MOST_PERIOD = 366 * 86_400
"""Seconds; the longest period of a budget."""

_LATEST = 10**13
_MOST_AT_ONCE = 10**5
"""Larger values were not written by this module: they are ignored or reduced."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A vendor's request budget.

    :ivar requests: Maximum number of requests in any period of ``per`` seconds. Example: ``60``.
    :ivar per: Length of the period in seconds.
    """

    requests: int
    per: float = 60.0

    def check(self, path: str) -> None:
        """Refuse a budget that allows no requests, or whose period is longer than a year.

        :param path: its path in the pipelines file, for messages.
        :raises ConfigurationError: it is such a budget.
        """
        if self.requests < 1 or not self.per > 0:
            raise ConfigurationError(f"{path}: 'requests' must be at least 1, and 'per' more than 0 seconds")
        if not self.per <= MOST_PERIOD:
            raise ConfigurationError(f"{path}.per: must be at most {MOST_PERIOD} seconds (a year)")

    def share(self, part: float) -> RateLimit:
        """Return the budget of a backfill: a part of this one that leaves at least one request to polling.

        A budget of one request cannot be shared: then it is 0.

        :param part: 0 to 1.
        """
        return RateLimit(min(self.requests - 1, max(1, int(self.requests * part))), self.per)

    @property
    def grain(self) -> int:
        """Seconds to which the times of requests are rounded for the next process."""
        return max(1, math.ceil(self.per / _BURSTS))


class Part(Protocol):
    """The part of a budget that one task may use while others use the rest."""

    def allowed(self, used: int, moment: datetime) -> int:
        """Return how many requests one period may have now. :param used: number of requests in the last period."""

    def more_at(self, moment: datetime) -> datetime:
        """Return when to ask again, if nothing is allowed."""


class Pacer:
    """Keeps requests within a budget over a sliding period, across processes that hand on their history.

    A request counts from the time of its answer, because nobody knows when it arrived. It then counts here at least as
    long as at the service, however long it was on the way. A sliding period stays within fixed windows, sliding
    windows and token buckets.

    :param limit: the budget.
    :param history: when earlier requests on the same budget were sent, in any order.
    :param part: the part of the budget that may be used; by default all of it.
    :param sleep: called with seconds; may raise :class:`WaitError`.
    :ivar made: requests that this pacer itself has let through.
    """

    def __init__(
        self,
        limit: RateLimit,
        *,
        history: Iterable[datetime | Burst] = (),
        part: Part | None = None,
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._limit = limit
        self._period = timedelta(seconds=limit.per + _MARGIN)
        self._part = part
        self._sleep = sleep
        self._now = now
        self._not_before: datetime | None = None
        self.made = 0
        self._sent = deque(sorted(stamps_of(history)))
        self._forget(now())

    @property
    def period(self) -> float:
        """Seconds of the budget's period."""
        return self._limit.per

    @property
    def history(self) -> tuple[Burst, ...]:
        """When the requests of the last period were sent, oldest first, for the next process.

        At most 61 entries: times of more requests are rounded up by less than a sixtieth of the period, or a second.
        """
        self._forget(self._now())
        grain = 1000 * self._limit.grain if len(self._sent) > _BURSTS else 1
        counts = Counter(math.ceil(at.timestamp() * 1000 / grain) * grain for at in self._sent)
        return tuple(sorted(counts.items()))

    def wait(self) -> None:
        """Sleep until one more request fits, and count it as sent.

        :raises WaitError: ``sleep`` refuses to sleep for so long.
        """
        moment = self._now()
        while (free_at := self._free_at(moment)) > moment:
            self._sleep((free_at - moment).total_seconds())
            moment = max(self._now(), free_at)
        self._sent.append(max(moment, self._sent[-1]) if self._sent else moment)
        self.made += 1
        self._not_before = None

    def answered(self) -> None:
        """Note that the last request has been answered, or never will be."""
        if self._sent:
            self._sent[-1] = max(self._now(), self._sent[-1])

    def observe(self, headers: Mapping[str, str]) -> None:
        """Apply what the service says is left, because others may use the same budget."""
        moment = self._now()
        if remaining_requests(headers) == 0 and self._sent and not self._is_used_up(moment):
            waits = waits_in(headers, moment)
            # The service knows when its period ends. If it does not say so clearly, ours ends at the latest possible
            # time.
            is_said = waits.seconds is not None and not waits.unread
            self._not_before = moment + timedelta(seconds=waits.seconds or 0.0) if is_said else self._period_end()

    def _period_end(self) -> datetime:
        return self._sent[0] + self._period

    def _is_used_up(self, moment: datetime) -> bool:
        """Whether this task has used all that it may use, so that it waits anyway."""
        self._forget(moment)
        try:
            return len(self._sent) >= self._allowed(moment)
        except UnavailableError:
            # This error must not lose the answer that was just received. The next request reads the claims again.
            return False

    def _allowed(self, moment: datetime) -> int:
        return self._limit.requests if self._part is None else self._part.allowed(len(self._sent), moment)

    def _free_at(self, moment: datetime) -> datetime:
        self._forget(moment)
        allowed = self._allowed(moment)
        free_at = moment
        if allowed < 1 and self._part is not None:
            free_at = self._part.more_at(moment)
        elif len(self._sent) >= allowed:
            free_at = self._sent[-allowed] + self._period
        if self._not_before:
            free_at = max(free_at, self._not_before)
        return free_at

    def _forget(self, moment: datetime) -> None:
        """Drop times that no longer count, and times in the future: a clock was set back, and they must not block."""
        while self._sent and self._sent[0] <= moment - self._period:
            self._sent.popleft()
        while self._sent and self._sent[-1] > moment + timedelta(seconds=self._limit.grain):
            self._sent.pop()


def stamps_of(history: Iterable[datetime | Burst]) -> list[datetime]:
    """Return a time for each request. Earlier versions kept the times themselves."""
    stamps: list[datetime] = []
    for each in history:
        if isinstance(each, datetime):
            stamps.append(each)
        elif 0 <= each[0] <= _LATEST:
            stamps.extend([datetime.fromtimestamp(each[0] / 1000, UTC)] * min(each[1], _MOST_AT_ONCE))
    return stamps


def sent_since(history: Iterable[datetime | Burst], moment: datetime) -> int:
    """Return how many requests were sent after a moment."""
    return sum(at > moment for at in stamps_of(history))
