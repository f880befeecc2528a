"""Outages that ended: for how long a source could not be read, or a destination could not be shipped to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

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
