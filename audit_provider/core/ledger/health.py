"""The health of a source or a destination: how its last runs ended, its past outages, and notices of reading.

A notice says that the description of a source may be wrong. It is not an error, but a person should look at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from audit_provider.core.model import Outage
from audit_provider.core.text.state_version import Codec

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_OUTAGES = 20
"""Most outages kept for one source or destination; the oldest is dropped first."""

ERROR_LENGTH = 500
"""Characters of the last error that the record of a source or a destination keeps."""

_ENDED_ERROR_LENGTH = 200
"""Characters of the last error that a past outage keeps."""


class Failing(Protocol):
    """A record that says how the last runs of a source or a destination ended."""

    @property
    def failures_in_a_row(self) -> int:
        """Failed runs since the last successful one."""

    @property
    def failing_since(self) -> datetime | None:
        """When the first of them failed."""

    @property
    def last_error(self) -> str:
        """The error of the last of them."""

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Past outages, the newest last."""


def outages_after(
    failing: Failing, now: datetime, waited: int | None = None, *, at_least: bool = False
) -> tuple[Outage, ...]:
    """Return the past outages, including the one that a successful run has just ended.

    An outage whose beginning an earlier version did not record is left out.

    :param now: when a run succeeded again. :param waited: events that were pending until then.
    :param at_least: see :class:`Outage`.
    """
    if not failing.failures_in_a_row or failing.failing_since is None:
        return failing.outages
    error = " ".join(failing.last_error.split())[:_ENDED_ERROR_LENGTH]
    ended = Outage(failing.failing_since, now, failing.failures_in_a_row, error, waited, at_least)
    return (*failing.outages, ended)[-MOST_OUTAGES:]


def without_doubles(outages: Iterable[Outage], others: Iterable[Outage]) -> tuple[Outage, ...]:
    """Return the outages of a destination, plus those that only its other streams recorded; the newest last."""
    own = list(outages)
    more = [each for each in others if not any(each.began <= one.ended and one.began <= each.ended for one in own)]
    return tuple(sorted((*own, *more), key=lambda each: each.ended))


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Failures of reading a source. Kept apart from the position, because a source may fail before there is one.

    :ivar failures_in_a_row: failed runs since the last successful one; all tries of one run count as one failure.
    :ivar failing_since: when the first of them failed, aware UTC. :ivar failed_at: when the last try failed.
    :ivar failed_run: id of the last run that failed. :ivar last_error: its error, in one sentence or more.
    :ivar outages: past outages, the newest last.
    :ivar version: of the record, see ``state_version``.
    """

    failures_in_a_row: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    failed_run: str = ""
    last_error: str = ""
    version: int = 1
    outages: tuple[Outage, ...] = ()


SOURCE_HEALTH: Codec[SourceHealth] = Codec(
    SourceHealth, "how reading a source ended", "delete it, the next run makes another", versioned=True
)
"""How :class:`SourceHealth` is kept."""


def standing(health: SourceHealth, read_at: datetime | None) -> SourceHealth:
    """Return the failures of a source that are not over yet.

    They are over if the source was read to its end after the last failure. The position shows that, because a run that
    finds nothing new writes only the position.

    :param read_at: when the source was last read to its end, from the position, aware UTC; None if it is not known.
    """
    if read_at is None or health.failed_at is None or read_at <= health.failed_at:
        return health
    # The position has the last complete read, but the outage ended with the first one after the failure.
    return SourceHealth(outages=outages_after(health, health.failed_at, at_least=True))


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing noticed, kept with the position for as long as it holds.

    :ivar key: what it is about. :ivar text: one sentence, and what to change. :ivar at: when it was last noticed,
        aware UTC.
    """

    key: str
    text: str
    at: datetime
    severity: Literal["info", "warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the answers of a source have shown so far, over all runs.

    :ivar met: keys that some answer or record had. :ivar looked: for each key that no record had so far, the number of
        records in which it was looked for.
    """

    met: tuple[str, ...] = ()
    looked: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def notices_in(noticed: Mapping[str, Noticed]) -> list[Notice]:
    """Return the notices of a source and of its recovery source, as a position keeps them, each text once."""
    found = {notice.text: notice for each in noticed.values() for notice in each.notices}
    return list(found.values())
