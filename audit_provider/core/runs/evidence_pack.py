"""Collect everything that is known of a pipeline's time range, as evidence for an auditor; omissions are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError
from audit_provider.core.ledger.gaps import GapRecord
from audit_provider.core.ledger.position import reading_began
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Window
from audit_provider.core.runs.applied_filters import AppliedFilters, FilterChange, FilterVerdicts, change_in
from audit_provider.core.runs.gap_records import all_gaps
from audit_provider.core.runs.own_streams import CHECKPOINT_ACTION, CONFIGURATION_ACTION
from audit_provider.core.runs.proving import evidence_of
from audit_provider.core.sources.reading.reconciliation import ReconciliationState
from audit_provider.core.streams.accounting import letters_of
from audit_provider.core.streams.letter_files import Line, RedriveRecord
from audit_provider.core.streams.offset_in_chain import holds_passed
from audit_provider.core.streams.open_stream import OpenStream, open_stream
from audit_provider.core.streams.unreadable import UnreadableFacts, unreadable_of

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.spool import Manifest, Store

    Meet = Callable[[str, str, Manifest, Event], None]


NOT_SHIPPED_BY_BACKFILL = "not shipped by the backfill"
"""The state of a backfill's events at a destination that has not begun with them.

The destination was not chosen for the backfill, or its task has not run; no record says which. Only another run of the
backfill ships them.
"""


@dataclass(slots=True)
class DayFacts:
    """The events that happened on one day.

    :ivar events: their number in kept segments.
    :ivar first_spooled: when the first, and :ivar last_spooled: the last of them was spooled.
    :ivar longest_delay: seconds between an event and the writing of its segment.
    :ivar destinations: by name, how many were ``delivered``, ``filtered``, ``set aside``, ``pending``, or ``not
        shipped`` because they were spooled before the destination was added; ``not shipped by the backfill`` if the
        destination has not begun with a backfill's events; ``delivered or filtered`` if the filters were changed and it
        is not known under which of them the destination passed the events.
    """

    events: int = 0
    first_spooled: datetime | None = None
    last_spooled: datetime | None = None
    longest_delay: float = 0.0
    destinations: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment with events of the range. :ivar manifest: SHA-256 of its manifest's text."""

    stream: str
    chain: str
    number: int
    manifest: str
    file: str
    data: str
    sha256: str
    events: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """A dead letter of the range, without its event.

    :ivar redriven_at: when the destination accepted it, None if it has not.
    :ivar left_out_at: when the destination's filters left it out of a redrive.
    :ivar discarded_at: when it was discarded. :ivar discarded_by: who did so, "" if Airflow does not say.
    :ivar discarded_for: why.
    """

    stream: str
    destination: str
    id: str
    happened: datetime
    set_aside_at: datetime
    reason: str
    redriven_at: datetime | None = None
    left_out_at: datetime | None = None
    discarded_at: datetime | None = None
    discarded_by: str = ""
    discarded_for: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the event is still to be sent to the destination."""
        return not (self.redriven_at or self.left_out_at or self.discarded_at)


@dataclass(slots=True)
class PackFacts:
    """The contents of a pack.

    :ivar streams: folders that were read, with the number of their events according to the ledger.
    :ivar read: spans of time with a part of the range that were read.
    :ivar compared: spans of the range that the reconciliation has compared with the source, oldest first.
    :ivar checkpoints: evidence records made since the range began.
    :ivar changes: changes of the configuration in the range.
    :ivar unreadable: records that could not be read and may belong to the range.
    :ivar removed: streams from which segments were removed, with the number of the first one that is kept.
    """

    pipeline: str
    source: str
    start: datetime
    end: datetime
    made_at: datetime
    version: str
    spool: str
    configured: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)
    days: dict[date, DayFacts] = field(default_factory=dict)
    segments: list[SegmentFacts] = field(default_factory=list)
    letters: list[LetterFacts] = field(default_factory=list)
    gaps: list[GapRecord] = field(default_factory=list)
    read: list[Window] = field(default_factory=list)
    compared: list[Window] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[UnreadableFacts] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> bytes:
        """Return the contents as JSON."""
        content = {
            **{name: getattr(self, name) for name in self.__slots__},
            "days": {str(day): facts for day, facts in sorted(self.days.items())},
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def collect(
    ledger: Ledger,
    store: Store,
    pipeline: Pipeline,
    wanted: Window,
    *,
    made_at: datetime,
    version: str,
    looks_at: Callable[[date], bool] = lambda _: True,
    meet: Meet | None = None,
) -> PackFacts:
    """Return what is known of a pipeline's time range.

    Each kept segment with events of the range is read and proven.

    :param looks_at: returns whether the events of a day are wanted.
    :param meet: called with each event that a destination has confirmed: name of the destination, folder of the stream,
        manifest, event.
    :raises AuditError: the spool or a record cannot be read.
    """
    facts = PackFacts(
        pipeline=pipeline.name,
        source=pipeline.spec.title,
        start=wanted.start,
        end=wanted.end,
        made_at=made_at,
        version=version,
        spool=str(store),
        configured={name: _shown(each.written()) for name, each in pipeline.destinations.items()},
    )
    changes: dict[str, list[FilterChange]] = {}
    for event in evidence_of(ledger, store, pipeline.name):
        record = _record(event)
        if record.get("action") == CHECKPOINT_ACTION and event.time >= wanted.start:
            facts.checkpoints.append(record)
        elif record.get("action") == CONFIGURATION_ACTION:
            if event.time in wanted:
                facts.changes.append(record)
            if change := change_in(event):
                changes.setdefault(change.destination, []).append(change)
    for name in StreamName.all_in(store, pipeline.name):
        opened = open_stream(ledger, store, name)
        if opened is None:
            continue
        facts.streams[name.folder] = opened.head.total
        facts.read += [each for each in spans_read(opened) if each.start < wanted.end and wanted.start < each.end]
        if (oldest := opened.stream.oldest()) > 1:
            facts.removed[name.folder] = oldest
        facts.unreadable += [
            each for each in unreadable_of(opened) if each.start < wanted.end and wanted.start < each.end
        ]
        if not name.is_made_here:
            _read(facts, opened, pipeline, wanted, looks_at, meet, changes)
    gaps = all_gaps(ledger, store, [pipeline])
    facts.gaps = [each for each in gaps if each.wanted < wanted.end and each.possible > wanted.start]
    compared = compared_spans(ledger, pipeline)
    facts.compared = [each for each in compared if each.start < wanted.end and wanted.start < each.end]
    return facts


def _read(
    facts: PackFacts,
    opened: OpenStream,
    pipeline: Pipeline,
    wanted: Window,
    looks_at: Callable[[date], bool],
    meet: Meet | None,
    changes: Mapping[str, Sequence[FilterChange]],
) -> None:
    """Read the events of the range from one stream."""
    stream = opened.stream
    judges = {
        name: _Judge(opened, pipeline, name, facts, wanted, changes.get(name, ())) for name in pipeline.destinations
    }
    for outline in reversed(stream.outlines(opened.head, lambda _: True)):
        if outline.last_time < wanted.start or outline.first_time >= wanted.end:
            continue
        if not any(looks_at(day) for day in outline.days):
            continue
        manifest = stream.manifest(outline.head)
        facts.segments.append(
            SegmentFacts(
                opened.name.folder,
                opened.chain,
                manifest.number,
                outline.head.digest,
                outline.name,
                manifest.data,
                manifest.sha256,
                manifest.events,
                manifest.written_at,
            )
        )
        for index, event in enumerate(stream.events(manifest)):
            if event.time in wanted and looks_at(event.time.date()):
                day = facts.days.setdefault(event.time.date(), DayFacts())
                _count(day, event, manifest)
                for name, judge in judges.items():
                    state = judge.state(event, manifest, index)
                    day.destinations.setdefault(name, Counter())[state] += 1
                    if meet and state == "delivered":
                        meet(name, opened.name.folder, manifest, event)


def _count(day: DayFacts, event: Event, manifest: Manifest) -> None:
    day.events += 1
    written = manifest.written_at
    day.first_spooled = min(day.first_spooled or written, written)
    day.last_spooled = max(day.last_spooled or written, written)
    day.longest_delay = max(day.longest_delay, (written - event.time).total_seconds())


class _Judge:
    """Judges what became of a stream's events at one destination, and lists its dead letters of the range."""

    def __init__(
        self,
        opened: OpenStream,
        pipeline: Pipeline,
        destination: str,
        facts: PackFacts,
        wanted: Window,
        changes: Sequence[FilterChange],
    ) -> None:
        self._offset = opened.offset(destination)
        is_begun = not opened.name.is_backfill or opened.kept_offset(destination) is not None
        self._without_offset = "pending" if is_begun else NOT_SHIPPED_BY_BACKFILL
        delivery = pipeline.destinations[destination]
        self._filters = None
        if self._offset is not None:
            filters = AppliedFilters.of(opened.name.folder, self._offset, delivery, changes)
            self._filters = FilterVerdicts(filters, opened.position)
        self._holds = self._offset is None or holds_passed(opened.stream, opened.head, self._offset)
        self._aside: dict[tuple[int, int], str] = {}
        letters = letters_of(opened.stream, destination, self._offset)
        counts = self._offset.counts.set_aside - self._offset.again if self._offset else 0
        self._is_short = counts > letters.count().kept
        taken: dict[Line, RedriveRecord] = {}
        left: dict[Line, RedriveRecord] = {}
        gone: dict[Line, RedriveRecord] = {}
        for record in letters.records():
            for found, lines in ((taken, record.taken), (left, record.filtered), (gone, record.discarded)):
                found.update(dict.fromkeys(lines, record))
        for file in letters.names():
            for number, letter in enumerate(letters.read(file)):
                line = Line(file, number)
                closed = {"delivered": taken, "filtered": left, "discarded": gone}
                self._aside[letter.place] = next((state for state, of in closed.items() if line in of), "set aside")
                if letter.time in wanted:
                    facts.letters.append(
                        LetterFacts(
                            opened.name.folder,
                            destination,
                            letter.id,
                            letter.time,
                            letter.set_aside_at,
                            letter.reason,
                            taken[line].at if line in taken else None,
                            left[line].at if line in left else None,
                            gone[line].at if line in gone else None,
                            gone[line].by if line in gone else "",
                            gone[line].why if line in gone else "",
                        )
                    )

    def state(self, event: Event, manifest: Manifest, index: int) -> str:
        offset, segment = self._offset, manifest.number
        place = (segment, index)
        if offset is None:
            return self._without_offset
        if place >= (offset.segment, offset.index):
            ahead = any(each.segment == segment and 0 <= index - each.index < each.count for each in offset.ahead)
            return "delivered" if ahead else "pending"
        if not self._holds:
            return "unknown, for a late run has replaced segments"
        if place in self._aside:
            return self._aside[place]
        if self._is_short:
            return "unknown, for dead letters are missing"
        if manifest.previous.total + index < offset.started_at:
            return "not shipped"
        return self._filters.of(event, place, manifest.written_at) if self._filters else "delivered"


def spans_read(opened: OpenStream) -> list[Window]:
    """Return the span of time that a stream was read for; an empty list if it is not known."""
    position = opened.position
    if opened.name.is_live:
        start = reading_began(position)
        end = position.updated_at if position.complete else position.watermark
        return [Window(start, end)] if start and end and start < end else []
    span = opened.name.span if opened.name.is_backfill and position.complete else None
    return [span] if span else []


def compared_spans(ledger: Ledger, pipeline: Pipeline) -> tuple[Window, ...]:
    """Return the spans of time that the reconciliation has compared with the present source and account.

    Between them are times that it could not compare, or not completely.
    :raises StopError: a record cannot be read.
    """
    live = position_record(ledger, StreamName(pipeline.name)).load()
    position = position_record(ledger, StreamName.of_reconciliation(pipeline.name)).load()
    try:
        sources = (pipeline.spec.name, pipeline.spec.for_backfill().name)
    except ConfigurationError:  # such a source is never compared
        return ()
    if not live or not position or (live.source, position.source) != sources or not position.is_of(live.account):
        return ()
    try:
        return msgspec.convert(position.reading, ReconciliationState).compared
    except msgspec.ValidationError:
        return ()


def _record(event: Event) -> dict[str, Any]:
    try:
        return msgspec.json.decode(event.raw, type=dict[str, Any])
    except UNREADABLE:
        return {}


_SHOWN = ("type", "conn_id", "enabled", "format", "ocsf_version", "only", "except", "redact", "too_old", "dead_letters")


def _shown(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a destination that never hold a secret."""
    return {key: value for key, value in written.items() if key in _SHOWN}


def files_of(facts: PackFacts, store: Store, *, events: bool) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the manifests of the range's segments, unchanged, and of their events if ``events``.

    :raises AuditError: the spool cannot be read.
    """
    for each in facts.segments:
        folder = f"{each.stream}/{each.chain}".rstrip("/")
        for name in (each.file, *([each.data] if events else [])):
            yield f"spool/{folder}/{name}", store.get(f"{folder}/{name}")


def notes_of(facts: PackFacts) -> Sequence[str]:
    """Return the checkpoints as notes, in the order in which they were made."""
    return [str(each["checkpoint"]) for each in facts.checkpoints]
