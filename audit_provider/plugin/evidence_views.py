"""What the JSON API says of evidence. Times are aware UTC, days are of UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DayView:
    """One day of the calendar. :ivar known: what was found of it, without what has its default.

    See :class:`~audit_provider.core.runs.calendar.Day`.
    """

    day: date
    known: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A pipeline's calendar.

    :ivar checked_at: when the last verification was made, None where none was; :ivar result: of it.
    :ivar first: and :ivar last: the days that are shown; of those that are not in :ivar days: nothing is known.
    :ivar may: ``search`` and ``pack``, where the user may do that.
    """

    checked_at: datetime | None
    result: str
    first: date
    last: date
    days: tuple[DayView, ...] = ()
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are searched, see :class:`~audit_provider.core.runs.event_search.Wanted`. Times are texts."""

    id: str = ""
    actor: str = ""
    action: str = ""
    text: str = ""
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class StoriesView:
    """What a search has found. :ivar more: there is more than is listed."""

    stories: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The time range of a pack. Times are texts; the end is not included."""

    start: str
    end: str
