"""Pacing to the vendor's budget, so that a healthy run never meets a 429."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.waits import remaining_requests, wait_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

_MARGIN = 0.25
"""Seconds kept beyond the period, because the vendor's clock starts when our request arrives."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A vendor's budget: ``requests`` in any ``per`` seconds."""

    requests: int
    per: float = 60.0

    def share(self, part: float) -> RateLimit:
        """Return the budget that leaves the rest to others; at least one request.

        :param part: 0 to 1.
        """
        return RateLimit(max(1, int(self.requests * part)), self.per)


class Pacer:
    """Keeps requests within a budget over a sliding period, across processes that hand on their history.

    A sliding period stays within fixed and sliding windows as well as within token buckets.

    :param limit: the budget.
    :param history: when earlier requests on the same budget were sent, in any order.
    :param sleep: called with seconds; may raise :class:`WaitError`.
    """

    def __init__(
        self,
        limit: RateLimit,
        *,
        history: Iterable[datetime] = (),
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._limit = limit
        self._period = timedelta(seconds=limit.per + _MARGIN)
        self._sleep = sleep
        self._now = now
        self._not_before: datetime | None = None
        moment = now()
        # A request "in the future" was stamped by a clock that has since been set back: it must not block.
        self._sent = deque(sorted(at for at in history if moment - self._period < at <= moment))

    @property
    def period(self) -> float:
        """Seconds of the budget's period."""
        return self._limit.per

    @property
    def history(self) -> tuple[datetime, ...]:
        """When the requests of the last period were sent, oldest first: what the next process needs."""
        horizon = self._now() - self._period
        return tuple(at for at in self._sent if at > horizon)[-self._limit.requests :]

    def wait(self) -> None:
        """Sleep until one more request fits, and count it as sent."""
        moment = self._now()
        seconds = self._seconds_to_wait(moment)
        if seconds > 0:
            self._sleep(seconds)
        self._sent.append(max(self._now(), moment))
        self._not_before = None

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over what the service says is left: others may use the same budget."""
        if remaining_requests(headers) == 0 and len(self._sent) < self._limit.requests:
            asked = wait_asked(headers, self._now())
            # The service knows when its period ends; without its word, ours is the longest it can be.
            self._not_before = self._sent[0] + self._period if asked is None else self._now() + timedelta(seconds=asked)

    def _seconds_to_wait(self, moment: datetime) -> float:
        while self._sent and self._sent[0] <= moment - self._period:
            self._sent.popleft()
        free_at = moment
        if len(self._sent) >= self._limit.requests:
            free_at = self._sent[-self._limit.requests] + self._period
        if self._not_before:
            free_at = max(free_at, self._not_before)
        return (free_at - moment).total_seconds()
