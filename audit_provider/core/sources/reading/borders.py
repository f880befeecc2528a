"""Decide which of the events that a source serves for a window of the past belong to the window.

Windows are adjacent, and an event belongs to the window in which it happened. The requested time range is a little
longer than the window. Events of other windows are counted and left out.

A source may filter by the time at which it recorded an event. An event that was recorded late is then served for a
later window than the one in which it happened. If records show when they were recorded, the requested time range is
therefore longer by the time that events may be late. An event that was recorded even later belongs to the window for
which it is served, because no other window's request returns it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import PullCounts, back_by, text_of
from audit_provider.core.text.templates import asked_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.model import Event, Window
    from audit_provider.core.sources.reading.base import Reading, Step
    from audit_provider.core.sources.reading.reader import Reader
    from audit_provider.core.sources.spec import SourceSpec

_NONE = timedelta(0)
_LEAST = timedelta(microseconds=1)


def late_within(spec: SourceSpec, reading: Reading) -> timedelta:
    """Return how far beyond the end of a window of the past the source is asked for events that were recorded late.

    :param reading: the strategy that reads the window.
    """
    if made_within := getattr(reading, "made_within", _NONE):
        return made_within
    if not spec.fields.recorded or not spec.request.takes_end:
        return _NONE
    return max(getattr(reading, each, _NONE) for each in ("overlap", "sweep_reach"))


class Borders:
    """Separates the events of one window from the others that the source serves for it.

    :param window: of the past. :param reading: the strategy that reads the window.
    :param reader: what the strategy reads with. Its request may change while the window is read, and with it whether
        there is an upper bound.
    :param recorded_within: number of events so far that belong to the window by the time when they were recorded. A
        single one proves that the source filters by that time.
    :param earlier_until: end of the time range that was requested for the window before, if it is earlier than usual.
    """

    def __init__(
        self,
        window: Window,
        reading: Reading,
        reader: Reader,
        *,
        recorded_within: int = 0,
        earlier_until: datetime | None = None,
    ) -> None:
        self._window = window
        self._reader = reader
        self._start, self._end = window.start, window.end
        spec = reader.pages.spec
        grain: timedelta | None = getattr(reading, "grain", None)
        # Strategies with a grain, and file exports, request a bounded time range; a scan reads the whole list.
        self._is_asked = grain is not None or hasattr(reading, "made_within")
        before = grain or _NONE
        after = max(before + late_within(spec, reading), _LEAST)
        self._asked_from, usual = asked_for(back_by(self._start, before), self._start + after, spec.times)
        self._later_from, self._asked_until = asked_for(back_by(self._end, before), self._end + after, spec.times)
        self._earlier_until = min(usual, earlier_until) if earlier_until else usual
        self._filters_by_record = recorded_within > 0
        self._left_out = 0
        self._first: datetime | None = None

    @property
    def asked_until(self) -> datetime:
        """End of the time range that is requested for the window."""
        return self._asked_until

    def share(self, step: Step) -> tuple[Sequence[Event], PullCounts]:
        """Return the events of a step that belong to the window, and counts of the others.

        :return: with the counts ``outside`` and ``recorded_within``.
        """
        events = step.events
        times = [event.time for event in events]
        if not times or (self._start <= min(times) and max(times) < self._end):
            return events, PullCounts(outside=step.outside)
        own, recorded_within = [], 0
        for event, recorded in zip(events, step.recorded or times, strict=True):
            if self._start <= event.time < self._end:
                own.append(event)
            elif self._belongs(event.time, recorded):
                own.append(event)
                recorded_within += 1
        outside = len(events) - len(own) + step.outside
        return own, PullCounts(outside=outside, recorded_within=recorded_within)

    def oddities(self) -> Iterator[str]:
        """Yield sentences for the task's log."""
        if self._first:
            title = self._reader.pages.spec.title
            yield (
                f"{self._left_out} events that {title} served for {self._window} happened outside of what it was asked "
                f"for, the first at {text_of(self._first)}, and are left out: it is unknown whether another window is "
                f"served them. If it filters by the time at which events are recorded, name that under "
                f"'fields.recorded' of the source and read this window and the one before it again; if not, its "
                f"request's bounds or 'fields.time' are not what they are taken for."
            )

    def _belongs(self, time: datetime, recorded: datetime) -> bool:
        """Whether an event that happened outside the window belongs to it, because no other request returns it."""
        if not self._is_asked or not self._reader.pages.request.takes_end:
            # Such a request returns everything that came later too, so each event is served for its own window.
            return False
        was_asked = self._asked_from <= recorded <= self._asked_until
        is_early = time < self._start
        is_ours = was_asked and (recorded > self._earlier_until if is_early else recorded < self._later_from)
        if self._asked_from <= time <= self._asked_until and not self._filters_by_record:
            # A source that filters by the time of events serves it for its own window as well.
            if is_ours:
                self._leave_out(time)
            return False
        if is_ours:
            self._filters_by_record = True
        elif not was_asked:
            self._leave_out(time)
        return is_ours

    def _leave_out(self, time: datetime) -> None:
        self._left_out += 1
        self._first = self._first or time
