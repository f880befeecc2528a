"""What a pull begins with: the position from which it continues, and the events that the spool holds already."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.position import EarlierSource, Position, new_chain
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import PullCounts, Window, back_by, text_of, utc_now
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.sources.reading.reconciliation import looks_back
from audit_provider.core.spool import Head
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.streams.open_stream import open_stream, stream_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.sources import Reader, SourceSpec
    from audit_provider.core.spool import Store, Stream

_log = logging.getLogger(__name__)
FIRST_RUN_REACH = timedelta(hours=24)
_LEAST = timedelta(seconds=1)


def first_moment(position: Position | None, start: str | datetime | None, pipeline: str) -> datetime:
    """Return the time from which to read if the kept state does not say.

    :param start: as configured in the pipeline; by default 24 hours ago. :param pipeline: its name, for messages.
    :raises ConfigurationError: ``start`` is in the future, or is no date or date-time.
    """
    if position and position.watermark:
        return back_by(min(position.watermark, utc_now()), FIRST_RUN_REACH)
    found = moment_from(start, "start") if start else utc_now() - FIRST_RUN_REACH
    if found > utc_now():
        raise ConfigurationError(f"'start' of {pipeline} lies in the future: {text_of(found)}.")
    return found


def on_kept_chain(
    position: Position | None, name: StreamName, store: Store, now: Callable[[], datetime] = utc_now
) -> Position | None:
    """Return the position to continue from; with a new chain if the spool no longer holds the position's head.

    Retention never removes the head. If the head is no longer kept, Airflow's database was restored to a state from
    before segments were removed. A segment written after that head would come before the oldest segment, and nobody
    would read it.

    :raises AuditError: the spool cannot be read.
    """
    if position is None or position.head.number >= (oldest := name.stream(store, position).oldest()) or oldest == 1:
        return position
    chain = new_chain(now())
    _log.warning(
        "The position of %s leads to segment %d, but the spool begins with segment %d: an older database was restored. "
        "A new chain begins, %s: what was read since %s is read and shipped again. The old one, %s, stays as it is.",
        name.folder,
        position.head.number,
        oldest,
        chain,
        text_of(position.watermark) if position.watermark else "the beginning",
        position.chain or "without a name",
    )
    return replace(
        position,
        chain=chain,
        head=Head(),
        counts=PullCounts(),
        ahead={},
        ahead_digests={},
        complete=False,
        completed_at=None,
        spooled_at=(),
        # A window is read again from its start; the live stream continues after what it had read.
        reading={} if name.is_backfill else position.reading,
    )


def begun_position(position: Position | None, spec: SourceSpec, reader: Reader) -> Position:
    """Return the position to continue from: the kept one, or one with a new reading state if the source is another."""
    strategy, back = type(spec.reading).__name__, looks_back(spec).total_seconds()
    if position is None:
        return Position(
            source=spec.name, chain=new_chain(reader.now()), fields=spec.fields, strategy=strategy, looks_back=back
        )
    if (position.source, position.strategy) != (spec.name, strategy):
        _log.warning(
            "Read from %s by %s until now, from %s by %s from %s on.",
            position.source,
            position.strategy,
            spec.name,
            strategy,
            text_of(reader.start),
        )
        if position.source != spec.name and position.head.number:
            own = EarlierSource(position.head.number, position.source, position.fields)
            position = replace(position, earlier_sources=(*position.earlier_sources, own))
        if position.source != spec.name:
            position = replace(position, complete=False, completed_at=None)
        position = replace(position, source=spec.name, strategy=strategy, reading={})
    return replace(position, fields=spec.fields, looks_back=back)


def lacks_removed(ledger: Ledger, store: Store, name: StreamName, destinations: Sequence[str] | None) -> bool:
    """Return whether retention has removed segments of a window that a destination has not received yet.

    :param destinations: for which the window is loaded; None if not known: any of them may be new.
    :raises AuditError: the spool or a record cannot be read.
    """
    opened = open_stream(ledger, store, name)
    if opened is None or opened.stream.oldest() == 1:
        return False
    return destinations is None or not all(opened.offset(each) for each in destinations)


def read_again(position: Position) -> Position:
    """Return the position of a window from which the window is read again; events still in the spool are recognised."""
    return replace(position, reading={}, watermark=None, gaps=(), complete=False)


def asked_before(ledger: Ledger, store: Store, own: StreamName, window: Window) -> datetime | None:
    """Return up to which time the windows that end where this one starts were requested; None if none was read.

    If such a window was read soon after its end, records that appeared later were not requested. An earlier version, or
    other settings of the source, requested less beyond the window's end.

    :raises AuditError: the spool or a record cannot be read.
    """
    ended: list[datetime] = []
    for each in StreamName.all_in(store, own.pipeline):
        span = each.span
        if span and span.end == window.start and (position := position_record(ledger, each).load()):
            if not position.complete:
                return None  # all of it will still be requested
            read_at = back_by(position.updated_at, CLOCK_SKEW) if position.updated_at else window.start
            ended.append(min(read_at, position.asked_until or window.start))
    return max(ended, default=None)


class KnownStreams:
    """The streams whose events are not spooled again. They are looked up at the first iteration.

    If a source serves no events, they are not needed, and their positions need not be read.

    :param find: see :func:`known_streams`.
    """

    def __init__(self, find: Callable[[], list[tuple[Stream, Head]]]) -> None:
        self._find = find
        self._found: list[tuple[Stream, Head]] | None = None

    def __iter__(self) -> Iterator[tuple[Stream, Head]]:
        if self._found is None:
            self._found = self._find()
        return iter(self._found)


def known_streams(
    ledger: Ledger,
    store: Store,
    own: StreamName,
    live: Position | None,
    window: Window | None,
    destinations: Sequence[str] | None = None,
    *,
    account: str = "",
) -> list[tuple[Stream, Head]]:
    """Return the streams whose events are not spooled again, with their heads.

    These are the stream of late events and, for a window of the past, the live stream and all windows that overlap or
    touch it. Windows that are read at the same time touch, and each keeps to its own bounds, so they share no event.
    The live stream skips no event that a window has, because a backfill may ship to fewer destinations.

    :param own: the stream that is read into. :param live: position of the live stream. :param window: of the past.
    :param destinations: for which the window is loaded, None if not known. Another window counts only if all of them
        receive it.
    :param account: that is read. Streams of another account do not count, because its ids are separate.
    """
    late = StreamName.of_reconciliation(own.pipeline)
    positions = {late: position_record(ledger, late).load()}
    if window:
        positions[StreamName(own.pipeline)] = live
        beside = Window(back_by(window.start, _LEAST), window.end + _LEAST)
        others = (each for each in StreamName.all_in(store, own.pipeline) if each != own and each.overlaps(beside))
        positions |= {
            each.name: each.position
            for other in others
            if (each := stream_progress(ledger, other))
            and all(each.offset(destination) for destination in destinations or ())
        }
    return [
        (name.stream(store, each), each.head)
        for name, each in positions.items()
        if each and each.head.number and each.is_of(account)
    ]
