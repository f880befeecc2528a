"""Reconciliation: a closed window of the past is read again, and the served events are compared with the spool.

It is a reading strategy, so the pull loop runs it like any other. Late and missed events are spooled into a separate
stream, and the strategy's state says up to which time everything was compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Gap, Window, midnight
from audit_provider.core.sources.reading.base import Backfill, Reading, Step, Taken, packed
from audit_provider.core.sources.reading.borders import Borders
from audit_provider.core.sources.reading.in_turn import steps_of
from audit_provider.core.spool import ComparedIds
from audit_provider.core.text.validation import check_schedule, validated

if TYPE_CHECKING:
    from collections.abc import Generator

    from audit_provider.core.model import Event
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader

MOST_NAMED = 20
"""Most late events whose ids are listed."""

MOST_SPANS = 50
"""Most separate spans of compared time that are kept."""

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MARGIN = _HOUR


@dataclass(frozen=True, slots=True)
class Reconcile:
    """How a pipeline is reconciled with its source.

    :ivar schedule: Cron expression, preset, or null for manual runs. Example: ``0 3 * * *``.
    :ivar after: Seconds that must have passed since the end of a window. Default and minimum: one hour more than live
        reading looks back. Example: ``180000``.
    :ivar width: Maximum length of one window in seconds, in whole days. Example: ``172800``.
    :ivar fail_on_missed: Whether a run fails if it finds late or missed events.
    :ivar verify: Whether each run also verifies the pipeline's spool, with a share of the old segments, and records
        which days are proven, for the calendar of the page.
    :ivar ask_destinations: Whether that verification also checks that S3, Elasticsearch and OpenSearch have the events
        of the last days that they confirmed. The connection then needs the right to read there.
    """

    schedule: str | None = "@daily"
    after: timedelta | None = None
    width: timedelta = _DAY
    fail_on_missed: bool = False
    verify: bool = True
    ask_destinations: bool = True


def reconcile_from(entry: Any, path: str, spec: SourceSpec, retention_days: int) -> Reconcile | None:
    """Return the settings under a pipeline's key ``reconcile``; None if it is ``false``.

    :param path: of the key, for messages. :param retention_days: of the pipeline's segments.
    :raises ConfigurationError: the settings are wrong, or do not fit the source or the retention.
    """
    if entry is False:
        return None
    found: Reconcile = validated(Reconcile, {} if entry is True else entry, path)
    check_schedule(found.schedule, f"{path}.schedule")
    if found.width < _DAY or found.width % _DAY:
        raise ConfigurationError(f"{path}.width: must be whole days, such as 86400 seconds")
    least = looks_back(spec)
    if found.after is not None and found.after < least:
        raise ConfigurationError(
            f"{path}.after: must be at least {least.total_seconds():.0f}, because the live reading of {spec.title} "
            "still reads newer events"
        )
    if entry is not True and timedelta(days=retention_days) < (found.after or least) + found.width + _DAY:
        raise ConfigurationError(
            f"{path}: the window would be compared with segments that are removed after {retention_days} days: raise "
            "retention_days, or lower 'after' or 'width'"
        )
    return found


def check_retention(retention_days: int, path: str, spec: SourceSpec) -> None:
    """Refuse a retention that removes segments which live reading still needs to recognise repeated events.

    :param path: of the key, for messages.
    :raises ConfigurationError: it is too short.
    """
    reach = looks_back(spec)
    if spec.lookback:
        reach = min(reach, spec.lookback + _MARGIN)
    least = -(-reach // _DAY)
    if retention_days < least:
        raise ConfigurationError(
            f"{path}: must be at least {least}, because the live reading of {spec.title} looks back {reach // _HOUR} "
            "hours ('overlap', 'sweep_reach' and 'sweep_every' of 'reading') and needs the segments to recognise known "
            "events"
        )


def looks_back(spec: SourceSpec) -> timedelta:
    """Return how far back the live reading of a source may read again, plus an hour."""
    reach = timedelta(0)
    for each in (spec, spec.recovery):
        if each:
            value = {name: getattr(each.reading, name, timedelta(0)) for name in _REACHING}
            reach = max(reach, value["overlap"], value["sweep_reach"] + value["sweep_every"]) + value["made_within"]
    return reach + _MARGIN


_REACHING = ("overlap", "sweep_reach", "sweep_every", "made_within")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The events that a source serves for a window, compared with those that the spool held.

    :ivar served: events that the source served. :ivar late: of them, those that the spool did not hold: they came late
        or were missed, and are spooled now. :ivar late_ids: the first of them.
    :ivar late_by_action: their number by action, without pages on which they could not be identified one by one.
    :ivar changed: records whose id the spool held with different content: spooled now, and neither late nor missed.
    :ivar gone: events of the spool that the source no longer shows; None if the window was read in parts, because then
        it is not known. :ivar outside: events that were also served, but belong to another window.
    """

    start: datetime
    end: datetime
    served: int = 0
    late: int = 0
    late_ids: tuple[str, ...] = ()
    late_by_action: Mapping[str, int] = field(default_factory=dict)
    gone: int | None = None
    changed: int = 0
    outside: int = 0

    @property
    def window(self) -> Window:
        """The window that was compared."""
        return Window(self.start, self.end)

    @property
    def in_spool(self) -> int:
        """Served events that the spool already held."""
        return self.served - self.late - self.changed


@dataclass(frozen=True, slots=True)
class OpenComparison:
    """A window whose comparison has begun but is not finished. :ivar reading: the state of reading it.

    :ivar lacks: a part of it could not be read, see :attr:`ReconciliationState.compared`.
    """

    comparison: Comparison
    reading: dict[str, Any] = field(default_factory=dict)
    lacks: bool = False


@dataclass(frozen=True, slots=True)
class ReconciliationState:
    """The state that is kept between runs.

    :ivar reached: everything that happened before this time is compared. :ivar last: the last finished comparison.
    :ivar untold: late events of finished comparisons that no run has reported at its end yet.
    :ivar compared: the spans of time that are compared completely, the last :data:`MOST_SPANS`, oldest first. Between
        them are times that could no longer be compared when their turn came, and windows of which a part could not be
        read.
    """

    reached: datetime | None = None
    open: OpenComparison | None = None
    last: Comparison | None = None
    untold: int = 0
    compared: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Read window after window, from where the last run ended to ``until``, and compare each with the spool.

    Windows end at midnight UTC and follow each other without a gap, so nothing is left out, however rarely runs happen.

    :ivar reading: of the source, by time. :ivar until: end of the last window. :ivar width: of one window at most.
    :ivar hold: adds the ids that the spool holds of a window to the given set.
    :ivar action: returns the action of an event. :ivar finished: called with each comparison.
    """

    reading: Reading
    until: datetime
    width: timedelta
    hold: Callable[[Window, ComparedIds], None]
    action: Callable[[Event], str]
    finished: Callable[[Comparison], None]

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "windows"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, ReconciliationState)
        resumed = kept.open is not None
        while True:
            start = kept.reached or reader.start
            if kept.open is None and start >= self.until:
                return
            opened = kept.open or OpenComparison(Comparison(start, self._end(start)))
            kept = yield from self._compare(reader, replace(kept, open=opened), opened, resumed=resumed)
            resumed = False

    def _end(self, start: datetime) -> datetime:
        # A log that cannot be read up to a given time is scanned from its head, so everything due is one window.
        return self.until if self.reading.backfill == "scan" else min(midnight(start) + self.width, self.until)

    def _compare(
        self, reader: Reader, kept: ReconciliationState, opened: OpenComparison, *, resumed: bool
    ) -> Generator[Step, int, ReconciliationState]:
        found, window = opened.comparison, opened.comparison.window
        ids = ComparedIds(reader.pages.spec.volatile)
        gaps = _Gaps(reader, opened.lacks)
        by_time = replace(reader, start=window.start, until=window.end, report=gaps.report)
        borders = Borders(window, self.reading, by_time)
        reader.pages.wanted = window
        inner = steps_of(self.reading, by_time, opened.reading)
        try:
            self.hold(window, ids)
            step = next(inner, None)
            while step is not None:
                events, left_out = borders.share(step)
                inside = tuple(event for event in events if event.time in window)
                served, missing = ids.serve(inside)
                served += len(events) - len(inside)
                actions = Counter(self.action(event) for event in missing)
                before = found
                found = replace(
                    found,
                    served=found.served + served,
                    late=found.late + len(missing),
                    late_ids=(*found.late_ids, *(event.id for event in missing))[:MOST_NAMED],
                    late_by_action=dict(Counter(found.late_by_action) + actions),
                    outside=found.outside + left_out.outside,
                )
                kept = replace(kept, open=OpenComparison(found, step.state, gaps.lacks))
                since = min(step.since, window.start)
                fresh = yield Step(tuple(events), packed(kept), since, kept.reached, outside=left_out.outside)
                changed = fresh.same_id if isinstance(fresh, Taken) else 0
                if fresh - changed != len(missing):
                    # An event that was spooled with another time is known, but not held in this window. It is not known
                    # which events these are, so none of the page is listed.
                    late = before.late + fresh - changed
                    found = replace(before, served=found.served, late=late, outside=found.outside)
                found = replace(found, changed=found.changed + changed)
                try:
                    step = inner.send(fresh)
                except StopIteration:
                    step = None
            found = replace(found, gone=None if resumed else ids.unserved())
        finally:
            inner.close()
            ids.close()
            for line in borders.oddities():
                reader.tell(line)
        if found.late:
            reason = f"{found.late} events came late or were missed; the reconciliation has spooled them"
            reader.report(Gap(window.start, window.end, reason, "late", reader.now()))
        self.finished(found)
        compared = kept.compared if gaps.lacks else with_span(kept.compared, window)
        kept = ReconciliationState(window.end, last=found, untold=kept.untold + found.late, compared=compared)
        yield Step((), packed(kept), window.end, kept.reached)
        return kept


def with_span(spans: Sequence[Window], window: Window) -> tuple[Window, ...]:
    """Return spans of time with one more; those that touch or overlap are merged."""
    apart = [each for each in spans if each.end < window.start or window.end < each.start]
    touching = [each for each in spans if each not in apart]
    start = min([window.start, *(each.start for each in touching)])
    end = max([window.end, *(each.end for each in touching)])
    return tuple(sorted([*apart, Window(start, end)], key=lambda each: each.start))[-MOST_SPANS:]


@dataclass(slots=True)
class _Gaps:
    """The gaps of reading one window again. :ivar lacks: whether a part of it could not be read."""

    reader: Reader
    lacks: bool

    def report(self, gap: Gap) -> None:
        """Report a gap, unless it is due to the vendor's look-back limit: live reading has read that part in time."""
        if gap.kind != "look_back":
            self.lacks = True
            self.reader.report(gap)
