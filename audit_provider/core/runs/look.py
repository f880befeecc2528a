"""One look at a source: check whether a run would find something new. It writes nothing, here or at the vendor.

The results of earlier looks stay in memory: the state of reading, and which events the spool holds. So most looks cost
one request and read no record or segment. A run reads from its own position and does not depend on looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.runs.beginning import first_moment, known_streams, on_kept_chain
from audit_provider.core.sources.reading.base import Reader, Taken, recently
from audit_provider.core.sources.reading.in_turn import steps_of
from audit_provider.core.spool import KnownEvents, SegmentWriter
from audit_provider.core.streams.open_stream import PositionWriter
from audit_provider.core.streams.unreadable import UnreadableRecords

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Gap, Unreadable
    from audit_provider.core.progress import Log
    from audit_provider.core.sources import PageReader, SourceSpec
    from audit_provider.core.sources.reading.base import Step
    from audit_provider.core.spool import Head, Store, Stream

NO_POSITION = "position"
"""The result of a look if no run has read the source yet."""

LEFT_UNREAD = "unread"
"""The result of a look if the last run has not read the source to its end."""

_COMMITS_WITHIN = timedelta(minutes=3)
"""The longest time between two commits of a run that is reading, with some margin."""


@dataclass(frozen=True)
class Watched:
    """What a look needs.

    :ivar start: where reading begins without a position, as configured in the pipeline; None for the default.
    :ivar pages: returns a new reader of a source's pages, over a connection that stays open.
    :ivar account: returns the account that is read, see :mod:`~audit_provider.core.ledger.account`. It receives the
        position, and raises an error if that is of another account.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    spec: SourceSpec
    pages: Callable[[SourceSpec], PageReader]
    account: Callable[[StreamName, Position], str]
    now: Callable[[], datetime]
    log: Log
    start: str | None = None


class Lookout:
    """Looks at a source repeatedly, and remembers what it has seen."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._memory: _Memory | None = None

    def look(self) -> frozenset[str]:
        """Return what a run would find, as stable names; an empty set if there is nothing.

        After a look that failed or had to wait, the next call continues from the last page that was read. After a look
        that found something, the next call begins from the position on record.

        :raises WaitError: the service, or its budget, asks for a longer wait than may be slept here.
        :raises AuditError: the source, a record or the spool cannot be read.
        """
        memory = self._memory = self._memory or _memory_of(self._watched)
        if memory is None:
            return frozenset({NO_POSITION})
        found = memory.look()
        if found is None:
            return self._left_unread(memory)
        self.forget()
        # A run may have read it since the position was loaded.
        newer = _memory_of(self._watched)
        if newer is None:
            return frozenset({NO_POSITION})
        with closing(newer):
            return newer.news_of(found)

    def _left_unread(self, memory: _Memory) -> frozenset[str]:
        """Return the result if nothing is new: ``LEFT_UNREAD`` if the last run left something unread and has ended."""
        if memory.position.complete:
            return frozenset()
        self.forget()
        return frozenset() if self._goes_on(memory.position) else frozenset({LEFT_UNREAD})

    def forget(self) -> None:
        """Forget earlier looks: the next look begins from the position on record."""
        if self._memory:
            self._memory.close()
        self._memory = None

    def run_since(self, moment: datetime) -> Literal["none", "reading", "done"]:
        """Return how far a run has got that was started at the given time, according to the position.

        :raises AuditError: the position cannot be read.
        """
        position = position_record(self._watched.ledger, StreamName(self._watched.pipeline)).load()
        if position is None or position.updated_at is None or position.updated_at <= moment:
            return "none"
        return "reading" if not position.complete and self._goes_on(position) else "done"

    def _goes_on(self, position: Position) -> bool:
        """Whether a run may still be reading."""
        return recently(position.updated_at, self._watched.now(), _COMMITS_WITHIN)


@dataclass
class _Found:
    """What a page shows that may be new.

    :ivar unreadable: records that cannot be read, with the name of their source.
    """

    step: Step | None = None
    unreadable: list[Unreadable] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class _Memory:
    """What is remembered of one source since its position was loaded."""

    def __init__(self, watched: Watched, position: Position, streams: Sequence[tuple[Stream, Head]]) -> None:
        self._watched = watched
        self.position = position
        self._reading: Mapping[str, Any] = position.reading
        self._watermark = position.watermark
        self._known = KnownEvents(
            streams,
            ahead=tuple(position.ahead),
            ahead_digests=position.ahead_digests,
            volatile=watched.spec.volatile,
            tell=watched.log.warning,
        )
        # Admitting new events needs an open segment. It is never written.
        self._known.open(SegmentWriter(watched.now()))
        self._unreadable = UnreadableRecords(streams[0][0], position.counts.set_aside)
        self._others = [stream for stream, _ in streams[1:]]

    def look(self) -> _Found | None:
        """Read until something is new, and return it; None if there is nothing new up to the end of the source."""
        found = _Found()
        reader = self._reader(found)
        steps = steps_of(self._watched.spec.reading, reader, self._reading, self._watermark)
        with closing(steps):
            step = next(steps, None)
            while step is not None:
                found.step = step
                if self._has_news(found, reader):
                    return found
                self._reading, self._watermark = step.state, step.watermark or self._watermark
                found.step = None
                try:
                    step = steps.send(Taken(0))
                except StopIteration:
                    step = None
        return found if self._has_news(found, reader) else None

    def _has_news(self, found: _Found, reader: Reader) -> bool:
        for pages in filter(None, (reader.pages, reader.recovery)):
            found.unreadable += pages.records.take_unreadable()
        return bool(self.news_of(found))

    def news_of(self, found: _Found) -> frozenset[str]:
        """Return the names of what is new in ``found``, and remember it: at the next call it is no longer new."""
        names: set[str] = set()
        if found.step:
            self._known.recall(min(found.step.since, self._watched.now()))
            names.update(event.id for event in self._known.admit(found.step.events))
        names.update(self._unreadable.names_not_kept(found.unreadable, self._others))
        names.update(_name_of(gap) for gap in found.gaps if not any(map(gap.overlaps, self.position.gaps)))
        return frozenset(names)

    def close(self) -> None:
        """Drop everything."""
        self._known.close()

    def _reader(self, found: _Found) -> Reader:
        watched, spec = self._watched, self._watched.spec

        def pages(each: SourceSpec) -> PageReader:
            reader = watched.pages(each)
            # Preparing would start a stopped subscription. A run must find it stopped, to record the gap.
            reader.prepares = False
            return reader

        return Reader(
            pages=pages(spec),
            recovery=pages(spec.recovery) if spec.recovery else None,
            start=first_moment(self.position, watched.start, watched.pipeline),
            until=None,
            now=watched.now,
            report=found.gaps.append,
            tell=_say_nothing,
        )


def _memory_of(watched: Watched) -> _Memory | None:
    """Return what a look begins with; None if there is no position, or one of another source.

    :raises AuditError: a record or the spool cannot be read, or the position is of another account.
    """
    name = StreamName(watched.pipeline)
    position = PositionWriter(watched.ledger, name).load()
    spec = watched.spec
    if position is None or (position.source, position.strategy) != (spec.name, type(spec.reading).__name__):
        return None
    account = watched.account(name, position)
    if on_kept_chain(position, name, watched.store, watched.now) is not position:
        return None
    known = known_streams(watched.ledger, watched.store, name, position, None, account=account)
    return _Memory(watched, position, [(name.stream(watched.store, position), position.head), *known])


def _name_of(gap: Gap) -> str:
    return f"gap {gap.kind}: {gap.reason}"


def _say_nothing(line: str) -> None:
    """Do nothing: the run that reads the same records logs it."""
