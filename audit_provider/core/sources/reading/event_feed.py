"""Reading feeds, whose answers do not end, in runs that do."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.model import Gap, back_by
from audit_provider.core.sources.feeds import Feed, FeedReader, Part
from audit_provider.core.sources.reading.base import Backfill, Step, packed, watermark_after

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is kept between runs.

    :ivar began: where the first run began. :ivar offsets: of the last event read, by feed.
    :ivar watermark: when the newest event that is read was recorded. :ivar quiet: runs in a row without new events.
    """

    began: datetime
    offsets: Mapping[str, int] = field(default_factory=dict)
    watermark: datetime | None = None
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Open each feed behind the last event that was read, and close it once nothing more comes.

    The offset is kept once its events are durable, so a feed that is cut off is read on from there. Now and then, after
    runs without a new event, the feed is read from its oldest event, because a feed that has begun its offsets anew
    looks like a quiet tenant.

    :ivar quiet: How long nothing may come until the feed counts as read.
    :ivar longest: How long one connection is read. After that the feeds are listed again, with new tokens.
    :ivar overlap: How far before the newest event a feed is read that is read from its oldest event.
    :ivar probe_after: Number of runs without events after which that is done; 0 for never.
    :ivar consecutive: Whether offsets have no holes: then a hole behind the last event that was read is reported as a
        gap, because the vendor may have dropped what was there.
    """

    quiet: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(minutes=10)
    overlap: timedelta = timedelta(hours=24)
    probe_after: int = 12
    consecutive: bool = True

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "recovery"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        kept = msgspec.convert(state, FeedState) if state else FeedState(reader.start)
        source, fresh = FeedReader(reader.pages), 0
        probes = bool(self.probe_after and kept.quiet and kept.quiet % self.probe_after == 0)
        open_feeds: set[str] | None = None
        while open_feeds is None or open_feeds:
            left = set()
            for feed in source.feeds():
                if open_feeds is not None and feed.name not in open_feeds:
                    continue
                kept, new, caught_up = yield from self._read(reader, source, feed, kept, probes=probes)
                fresh += new
                left |= set() if caught_up else {feed.name}
            open_feeds, probes = left, False
            if left:
                # So that a run whose time is over ends.
                yield Step((), packed(kept), reader.now(), kept.watermark)
        kept = replace(kept, quiet=0 if fresh else kept.quiet + 1)
        yield Step((), packed(kept), reader.now(), kept.watermark)

    def _read(
        self, reader: Reader, source: FeedReader, feed: Feed, kept: FeedState, *, probes: bool
    ) -> Generator[Step, int, tuple[FeedState, int, bool]]:
        """Read one feed on; return how many events were new, and whether there is nothing more for now."""
        last = kept.offsets.get(feed.name)
        floor = kept.began
        if probes and kept.watermark:
            floor = max(floor, back_by(kept.watermark, self.overlap))
        begun, fresh = last is None or probes, 0
        parts = source.read(feed, 0 if begun else last or 0, reader.now(), quiet=self.quiet, longest=self.longest)
        for part in parts:
            if part.caught_up:
                return kept, fresh, True
            if not begun and part.first is not None:
                self._report_hole(reader, kept, part, last or 0)
                begun = True
            pairs = [pair for pair in zip(part.events, part.recorded, strict=True) if pair[1] >= floor]
            watermark = watermark_after([time for _, time in pairs], kept.watermark, reader.now())
            offsets = {**kept.offsets, feed.name: part.offset} if part.offset is not None else kept.offsets
            kept = replace(kept, offsets=offsets, watermark=watermark)
            since = min((time for _, time in pairs), default=reader.now())
            fresh += yield Step(tuple(event for event, _ in pairs), packed(kept), since, kept.watermark)
        return kept, fresh, False

    def _report_hole(self, reader: Reader, kept: FeedState, part: Part, last: int) -> None:
        """Report what may have stood between the last event read and the first that came now."""
        if not self.consecutive or part.first is None or part.first <= last + 1:
            return
        reason = (
            f"the feed of {reader.pages.spec.title} went on at a later offset than it was left at, so events before it "
            "may no longer be kept"
        )
        begin = kept.watermark or kept.began
        reader.report(Gap(begin, max(min(part.recorded), begin), reason, "retention", reader.now()))
