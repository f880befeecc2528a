"""Watching a source: which sources can be watched, the looks' part of the budget, the sweep, and the last look.

While a source is watched, a process looks at it every few seconds and starts a run if there is something new. Looks and
tasks share no record that coordinates their requests. So looks have a fixed part of the request budget, and the tasks
of a watched pipeline have the rest.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.model import UTC
from audit_provider.core.text.state_version import Codec
from audit_provider.core.wire.rate_limit import RateLimit

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.sources.spec import SourceSpec

LOOK_EVERY = timedelta(seconds=5)
"""The time between two looks, if the budget allows it."""

SWEEP_EVERY = timedelta(hours=1)
"""The longest time between two runs of a watched pipeline."""

LEAST_REQUESTS = 3
"""Least requests of a budget: one for looks, one for polling, one for a backfill."""

_MOST_PART = 4
"""Looks get at most one of this many requests."""

_PAGES = 2
"""Requests that the budget of looks allows for each look."""

_SHORT = 60.0
"""Seconds. The budget of a longer period is divided, so that a restarted process never waits longer than this."""


def budget_of_looks(limit: RateLimit) -> RateLimit:
    """Return the part of a budget that looks have.

    :param limit: of at least :data:`LEAST_REQUESTS`.
    """
    part = _part(limit)
    if limit.per <= _SHORT:
        return RateLimit(part, limit.per)
    # A span as long as the whole period overlaps with one short period more than fit into it.
    periods = math.ceil(limit.per / _SHORT) + 1
    return RateLimit(part // periods, _SHORT) if part >= periods else RateLimit(1, limit.per / part)


def budget_beside_looks(limit: RateLimit) -> RateLimit:
    """Return the part of a budget that is left for the tasks of a watched pipeline."""
    return RateLimit(limit.requests - _part(limit), limit.per)


def time_between_looks(spec: SourceSpec) -> timedelta:
    """Return the time between the ends of two looks at a source that its budget allows."""
    own = budget_of_looks(spec.rate_limit)
    return max(LOOK_EVERY, timedelta(seconds=own.per / own.requests))


def refuse_unwatchable(spec: SourceSpec, path: str) -> None:
    """Refuse to watch a source that should not be looked at every few seconds; it can be polled.

    :param path: of the setting, for messages.
    :raises ConfigurationError: a look would fetch files or run a query, or the budget has no room for looks.
    """
    if spec.export is not None:
        raise ConfigurationError(
            f"{path}: {spec.title} delivers its events in files, and a look would have to fetch them: remove 'watch', "
            "the pipeline runs by its schedule"
        )
    if spec.polling is not None:
        raise ConfigurationError(
            f"{path}: each look at {spec.title} would run a query there, which may be charged for: remove 'watch', the "
            "pipeline runs by its schedule"
        )
    for each in filter(None, (spec, spec.recovery)):
        if each.rate_limit.requests < LEAST_REQUESTS:
            raise ConfigurationError(
                f"{path}: the budget of {spec.title}, {each.rate_limit.requests} requests in {each.rate_limit.per:g} "
                f"s, has no room for looks: remove 'watch', or set rate_limit to at least {LEAST_REQUESTS} requests in "
                "a longer time"
            )


def sweep_of(pipeline: str) -> str:
    """Return the default schedule of a watched pipeline: hourly, at a minute derived from its name.

    Otherwise, all pipelines would run at the same minute.
    """
    return f"{zlib.crc32(pipeline.encode()) % 60} * * * *"


def refuse_rare_sweep(schedule: str | None, path: str) -> None:
    """Refuse a schedule with which a watched pipeline would run less often than every hour.

    :param schedule: a valid one, or None. :param path: of the setting, for messages.
    :raises ConfigurationError: it would run less often.
    """
    if schedule is None or not _is_hourly(schedule):
        raise ConfigurationError(
            f"{path}: a watched pipeline needs a run at least every hour, for what a look may miss: remove 'schedule', "
            "or let it be hourly"
        )


def _part(limit: RateLimit) -> int:
    """Return how many of a budget's requests looks get."""
    wanted = math.ceil(_PAGES * limit.per / LOOK_EVERY.total_seconds())
    return max(1, min(wanted, limit.requests // _MOST_PART))


def _is_hourly(schedule: str) -> bool:
    """Return whether a valid schedule never leaves more than an hour between two runs."""
    from croniter import croniter

    if schedule.startswith("@"):
        return schedule == "@hourly"
    if any(field not in ("*", "?") for field in schedule.split()[2:5]):
        return False
    moment = begun = croniter(schedule, _ANY_DAY).get_next(datetime)
    while moment - begun <= _DAY:
        before = moment
        moment = croniter(schedule, before + SWEEP_EVERY + _LEAST).get_prev(datetime)
        if moment <= before:
            return False
    return True


_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_DAY, _LEAST = timedelta(days=1), timedelta(seconds=1)


HAND_OVER_EVERY = timedelta(minutes=1)
"""How often the record is written. A write costs Airflow's triggerer as much as several looks."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """The state of the looks at a source.

    :ivar kept_at: when this record was written, aware UTC. If the process that wrote it has ended, its last request was
        at most :data:`HAND_OVER_EVERY` and the length of a look after this time.
    :ivar looked_at: when the last successful look ended; None if there was none.
    :ivar every: seconds between two looks.
    :ivar failing_since: when the first of the failures in a row happened; None if the last look was successful.
    :ivar last_error: of the last look, "" if it was successful. :ivar waits_until: the service allows no look before
        this time.
    :ivar version: of the record, see ``state_version``.
    """

    kept_at: datetime
    looked_at: datetime | None = None
    every: float = 0.0
    failing_since: datetime | None = None
    last_error: str = ""
    waits_until: datetime | None = None
    version: int = 1


LOOKS: Codec[LastLook] = Codec(LastLook, "the last look", "delete it, the next look makes another", versioned=True)
"""How a :class:`LastLook` is kept."""


class LookRecord:
    """The last look at a watched source. Only its watcher writes it, unfenced, because the next look replaces it.

    :ivar key: under which it is kept.
    """

    def __init__(self, ledger: Ledger, pipeline: str) -> None:
        self._ledger = ledger
        self.key = str(RecordKey("look", StreamName(pipeline)))
        self._pipeline = pipeline

    def load(self) -> LastLook | None:
        """Return the last look; None if there is none.

        :raises StopError: the record holds something else. :raises UnavailableError: the ledger does not answer.
        """
        text = self._ledger.read(self.key)
        return LOOKS.unpack(text, f"the Variable {self.key}") if text else None

    def keep(self, look: LastLook) -> None:
        """Record a look. :raises UnavailableError: it may not have been recorded."""
        self._ledger.write(self.key, LOOKS.pack(look), f"The last look at the source of {self._pipeline}.")
