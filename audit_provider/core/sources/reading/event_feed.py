"""Reading feeds, whose answers do not end, in runs that do."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.content import Content
from audit_provider.core.model import Gap
from audit_provider.core.sources.feeds import Feed, FeedReader, Part
from audit_provider.core.sources.reading.base import Backfill, Step, packed, watermark_after

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is kept between runs. A feed is named by the path of its URL.

    :ivar began: where the first run began. :ivar offsets: of the last event read, by feed.
    :ivar digests: of the content of that event, :ivar newest: and when the feed's newest event was recorded, by feed.
    :ivar missing: feeds that the last list left out. :ivar watermark: when the newest event of all was recorded.
    """

    began: datetime
    offsets: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, datetime] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    watermark: datetime | None = None


class _BeginsAgainError(Exception):
    """A feed does not hold the event at whose offset it was left."""


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Open each feed at the last event that was read, and close it once nothing more comes.

    The offset is kept once its events are durable, so a feed that is cut off is read on from there. The last event that
    was read is asked for again: if another event has its offset, or the feed has nothing there, the feed may have begun
    its offsets again, and it is read from its oldest event.

    :ivar quiet: How long nothing may come until the feed counts as read.
    :ivar longest: How long one connection is read. After that the feeds are listed again, with new tokens.
    :ivar consecutive: Whether offsets have no holes: then a hole behind the last event that was read is reported as a
        gap, because the vendor may have dropped what was there.
    """

    quiet: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(minutes=10)
    consecutive: bool = True

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "recovery"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, FeedState) if state else FeedState(reader.start)
        source = FeedReader(reader.pages)
        open_feeds: set[str] | None = None
        while open_feeds is None or open_feeds:
            left, listed = set(), source.feeds()
            kept = _listed(reader, kept, {feed.name for feed in listed})
            for feed in listed:
                if open_feeds is not None and feed.name not in open_feeds:
                    continue
                kept, caught_up = yield from self._read(reader, source, feed, kept)
                left |= set() if caught_up else {feed.name}
            open_feeds = left
            if left:
                # So that a run whose time is over ends.
                yield Step((), packed(kept), reader.now(), kept.watermark)
        yield Step((), packed(kept), reader.now(), kept.watermark)

    def _read(
        self, reader: Reader, source: FeedReader, feed: Feed, kept: FeedState
    ) -> Generator[Step, int, tuple[FeedState, bool]]:
        """Read one feed on; return whether there is nothing more for now."""
        if feed.name in kept.offsets:
            try:
                return (yield from self._follow(reader, source, feed, kept, kept.offsets[feed.name]))
            except _BeginsAgainError:
                pass
        return (yield from self._follow(reader, source, feed, kept, None))

    def _follow(
        self, reader: Reader, source: FeedReader, feed: Feed, kept: FeedState, last: int | None
    ) -> Generator[Step, int, tuple[FeedState, bool]]:
        """Read a feed behind its last event, or from its oldest one.

        :raises _BeginsAgainError: the last event is not there. Nothing was read then.
        """
        begin = 0 if last is None else max(last - 1, 0)
        for part in source.read(feed, begin, reader.now(), quiet=self.quiet, longest=self.longest):
            if part.caught_up:
                if last is not None:
                    raise _BeginsAgainError
                return kept, True
            if last is not None and any(offset is not None for offset in part.offsets):
                part = self._behind(reader, feed, kept, part, last)
                last = None
            kept = yield from _taken(reader, feed, kept, part)
        return kept, False

    def _behind(self, reader: Reader, feed: Feed, kept: FeedState, part: Part, last: int) -> Part:
        """Return what of a part stands behind the last event that was read.

        :raises _BeginsAgainError: another event has its offset, or only earlier ones came.
        """
        if last in part.offsets:
            place = part.offsets.index(last)
            if _digest(reader, part, place) != kept.digests.get(feed.name):
                raise _BeginsAgainError
            part = Part(part.events[place + 1 :], part.recorded[place + 1 :], part.offsets[place + 1 :])
        first = next((place for place, offset in enumerate(part.offsets) if offset is not None), None)
        if first is None:
            return part
        offset = part.offsets[first] or 0
        if offset < last:
            raise _BeginsAgainError
        if self.consecutive and offset > last + 1:
            reason = (
                f"the feed of {reader.pages.spec.title} went on at a later offset than it was left at, so events "
                "before it may no longer be kept"
            )
            begin = kept.newest.get(feed.name) or kept.began
            reader.report(Gap(begin, max(min(part.recorded), begin), reason, "retention", reader.now()))
        return part


def _listed(reader: Reader, kept: FeedState, names: set[str]) -> FeedState:
    """Report each feed that was read and is not listed any more, once; if it comes back, it is read on."""
    missing = tuple(sorted(kept.offsets.keys() - names))
    for name in missing:
        if name not in kept.missing:
            reason = (
                f"{reader.pages.spec.title} no longer lists the feed {name}, so nothing after its last event is read"
            )
            begin = kept.newest.get(name) or kept.began
            reader.report(Gap(begin, max(reader.now(), begin), reason, "retention", reader.now()))
    return replace(kept, missing=missing)


def _taken(reader: Reader, feed: Feed, kept: FeedState, part: Part) -> Generator[Step, int, FeedState]:
    """Yield the events of a part that are not before the first run's start."""
    pairs = [pair for pair in zip(part.events, part.recorded, strict=True) if pair[1] >= kept.began]
    times = [time for _, time in pairs]
    kept = replace(kept, watermark=watermark_after(times, kept.watermark, reader.now()))
    if newest := watermark_after(times, kept.newest.get(feed.name), reader.now()):
        kept = replace(kept, newest={**kept.newest, feed.name: newest})
    place = next((at for at in reversed(range(len(part.offsets))) if part.offsets[at] is not None), None)
    if place is not None:
        kept = replace(
            kept,
            offsets={**kept.offsets, feed.name: part.offsets[place] or 0},
            digests={**kept.digests, feed.name: _digest(reader, part, place)},
        )
    yield Step(tuple(event for event, _ in pairs), packed(kept), min(times, default=reader.now()), kept.watermark)
    return kept


def _digest(reader: Reader, part: Part, place: int) -> str:
    return Content(reader.pages.spec.volatile).digest(part.events[place].raw)
