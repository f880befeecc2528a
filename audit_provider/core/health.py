"""How a source or a destination fares: how its last runs ended, its outages that ended, and notices of reading.

A notice is about how a source is described. It is no error, yet a person should look at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from audit_provider.core.state_version import Codec

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_OUTAGES = 20
"""Outages that are kept of one source or destination; the oldest goes first."""

ERROR_LENGTH = 500
"""Characters of the last error that the record of a source or a destination keeps."""

_ENDED_ERROR_LENGTH = 200
"""Characters that an outage which ended keeps of it."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Runs in a row that failed, and after them one that went well.

    :ivar began: when the first of them failed, and :ivar ended: when it went well again, aware UTC.
    :ivar failures: how many runs failed. :ivar error: of the last one, in one line.
    :ivar waited: events that the destination had not got when it went well again, which is the most, for meanwhile the
        source was read; None of a source, or where nobody knows.
    :ivar at_least: it ended later than said: the runs that followed found nothing new, and did not write down that they
        went well, so ``ended`` is when the last run failed.
    """

    began: datetime
    ended: datetime
    failures: int
    error: str = ""
    waited: int | None = None
    at_least: bool = False


class Failing(Protocol):
    """The record of a source or of a destination that says how its last runs ended."""

    @property
    def failures_in_a_row(self) -> int:
        """Runs since the last one that ended well."""

    @property
    def failing_since(self) -> datetime | None:
        """When the first of them failed."""

    @property
    def last_error(self) -> str:
        """What the last of them ended with."""

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Those that ended, the newest last."""


def outages_after(
    failing: Failing, now: datetime, waited: int | None = None, *, at_least: bool = False
) -> tuple[Outage, ...]:
    """Return the outages that have ended, once a run has gone well after those which a record tells of.

    One of which nobody knows when it began, as an earlier version has left it, is not among them.

    :param now: when it went well again. :param waited: events that waited until then.
    :param at_least: see :class:`Outage`.
    """
    if not failing.failures_in_a_row or failing.failing_since is None:
        return failing.outages
    error = " ".join(failing.last_error.split())[:_ENDED_ERROR_LENGTH]
    ended = Outage(failing.failing_since, now, failing.failures_in_a_row, error, waited, at_least)
    return (*failing.outages, ended)[-MOST_OUTAGES:]


def without_doubles(outages: Iterable[Outage], others: Iterable[Outage]) -> tuple[Outage, ...]:
    """Return the outages of a destination, with those that another of its streams alone has seen; the newest last."""
    own = list(outages)
    more = [each for each in others if not any(each.began <= one.ended and one.began <= each.ended for one in own)]
    return tuple(sorted((*own, *more), key=lambda each: each.ended))


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Failures of reading a source. It stands beside the position, for a source may fail before there is one.

    :ivar failures_in_a_row: runs since the last one that ended well; the tries of one run are one failure.
    :ivar failing_since: when the first of them failed, aware UTC. :ivar failed_at: when the last try failed.
    :ivar failed_run: id of the last run that failed. :ivar last_error: its error, in one sentence or more.
    :ivar outages: those that ended, the newest last.
    :ivar version: of what is kept, see ``state_version``.
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
"""How it is kept."""


def standing(health: SourceHealth, read_at: datetime | None) -> SourceHealth:
    """Return the failures of a source that still stand.

    Reading to the end after the last failure ends them: a run that finds nothing new writes the position alone.

    :param read_at: when the source was last read to its end, by the position, aware UTC; None where nothing says so.
    """
    if read_at is None or health.failed_at is None or read_at <= health.failed_at:
        return health
    # The position says when it was read to its end last, and not when it was for the first time since.
    return SourceHealth(outages=outages_after(health, health.failed_at, at_least=True))


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing noticed, kept with the position for as long as it holds.

    :ivar key: what it is about. :ivar text: one sentence, and what to change. :ivar at: when it was last met, aware
        UTC.
    """

    key: str
    text: str
    at: datetime
    severity: Literal["info", "warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the answers of one request's source have shown so far, over all runs.

    :ivar met: keys of what some answer or record has had. :ivar looked: by key of what none has had yet, in how many
        records it was looked for.
    """

    met: tuple[str, ...] = ()
    looked: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def notices_in(noticed: Mapping[str, Noticed]) -> list[Notice]:
    """Return the notices of a source and of its recovery source, as a position keeps them, each text once."""
    found = {notice.text: notice for each in noticed.values() for notice in each.notices}
    return list(found.values())
