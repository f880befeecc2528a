"""Read feeds: addresses whose answers do not end and have one event in each line, read in runs that end."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from audit_provider.core.errors import (
    UNREADABLE,
    ConfigurationError,
    CredentialError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from audit_provider.core.model import Gap
from audit_provider.core.records.content import Content
from audit_provider.core.records.fields import all_paths_of, text_at, value_at, whole_number
from audit_provider.core.sources.export import FeedList
from audit_provider.core.sources.reading.base import Backfill, Step, packed, watermark_after
from audit_provider.core.wire.answer import Answer
from audit_provider.core.wire.later import later_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_provider.core.model import Event
    from audit_provider.core.sources.pages import PageReader
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed. :ivar name: the same in every list of feeds. :ivar token: for its URL only."""

    name: str
    url: str
    token: str


class Part(NamedTuple):
    """Events that came together.

    :ivar recorded: when each was recorded. :ivar offsets: offset of each, None if it shows none.
    :ivar caught_up: there is nothing more for now.
    """

    events: Sequence[Event]
    recorded: Sequence[datetime]
    offsets: Sequence[int | None]
    caught_up: bool = False


class FeedReader:
    """Reads the feeds of one source.

    :param pages: asks the API.
    :raises ConfigurationError: the source has no feeds.
    """

    def __init__(self, pages: PageReader) -> None:
        if not isinstance(pages.spec.export, FeedList) or pages.files is None:
            raise ConfigurationError(f"{pages.spec.title} has no 'export' of type 'feeds', which says where they are.")
        self._pages = pages
        self._files = pages.files
        self._listed = pages.spec.export

    def feeds(self) -> list[Feed]:
        """Request the list of feeds.

        :raises ProtocolError: it has none, or one without an address or a token.
        :raises AuditError: see :meth:`~audit_provider.core.sources.pages.PageReader.fetch`.
        """
        spec, listed = self._pages.spec, self._listed
        answer = self._pages.ask(spec.request, None)
        self._pages.refuse_hidden_error(answer)
        entries = value_at(answer.json(), spec.records_at) if spec.records_at else answer.json()
        if not isinstance(entries, list) or not entries:
            raise ProtocolError(
                f"{answer.where} lists no feed at {spec.records_at!r}: check that no other reader uses the same name, "
                f"and the permission. {spec.access}"
            )
        found = []
        for each in entries:
            entry = each if isinstance(each, dict) else {}
            url, token = text_at(entry, listed.url_at), text_at(entry, listed.token_at)
            if not url or not token:
                raise ProtocolError(
                    f"{answer.where} lists a feed without {listed.url_at} or {listed.token_at}: correct 'url_at' and "
                    "'token_at' of the source's export."
                )
            found.append(Feed(urlsplit(url).path, url, token))
        if len({each.name for each in found}) != len(found):
            raise ProtocolError(f"{answer.where} lists two feeds with the same path, which is ambiguous.")
        return found

    def read(
        self, feed: Feed, offset: int, received: datetime, *, quiet: timedelta, longest: timedelta
    ) -> Iterator[Part]:
        """Yield what a feed sends after an offset, until nothing comes for ``quiet``, or for ``longest`` at most.

        :param offset: of the last event that was read; 0 for the oldest one.
        :param received: the time given to events that show none.
        :raises CredentialError: the feed's token is refused. :raises RefusedError: the request is refused.
        :raises UnavailableError: the feed is not available now, or was cut off.
        """
        client, path, _ = self._files.client_of(
            self._files.joined(f"{self._files.base_url}/", feed.url), is_outside=True
        )
        client.hide(feed.token)
        lines = client.listen(
            f"{path}{'&' if '?' in path else '?'}{urlencode({self._listed.param: offset})}",
            headers={"Accept": "application/json", "Authorization": f"{self._listed.scheme} {feed.token}"},
            quiet=quiet.total_seconds(),
            longest=longest.total_seconds(),
            refuse=self._refuse,
        )
        for each in lines:
            if not each:
                yield Part([], [], [], caught_up=True)
                return
            records = self._pages.records
            where = f"the feed {feed.name}"
            events, recorded = records.events(map(msgspec.Raw, each), received, where)
            offsets = [self._offset_of(event) for event in events]
            for place, event in enumerate(events):
                if offsets[place] is None and self._is_error(event):
                    yield Part(events[:place], recorded[:place], offsets[:place])
                    self._pages.refuse_hidden_error(Answer(200, {}, bytes(event.raw), where, client.redact))
            yield Part(events, recorded, offsets)

    def _offset_of(self, event: Event) -> int | None:
        try:
            found: Any = value_at(msgspec.json.decode(event.raw), self._listed.offset_at)
        except UNREADABLE:
            return None
        if isinstance(found, str):
            return whole_number(found)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def _is_error(self, event: Event) -> bool:
        """Whether a line is the vendor's error in place of an event: it shows an error, and no time."""
        errors, times = self._pages.spec.errors, all_paths_of(self._pages.spec.fields.time)
        try:
            found = msgspec.json.decode(event.raw)
        except UNREADABLE:
            return False
        said = any(value_at(found, path) for path in (errors.message_at, errors.code_at) if path)
        return said and all(value_at(found, path) is None for path in times)

    def _refuse(self, answer: Answer) -> None:
        """Raise the error that an answer means, if it is not a feed."""
        if answer.is_web_page and answer.status == 200:
            raise ProtocolError(answer.not_json())
        message = f"{answer.where} answered {answer.status} in place of events"
        if said := later_of(answer, self._pages.later):
            raise UnavailableError(f"{message}.", wait=said.least or None)
        if answer.status in (401, 403):
            raise CredentialError(f"{message}: {self._pages.spec.access}")
        raise RefusedError(f"{message}.", status=answer.status)


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is kept between runs. A feed is named by the path of its URL.

    :ivar began: start of the first run's time range. :ivar offsets: of the last event read, by feed.
    :ivar digests: of the content of that event, by feed. :ivar newest: when the newest event was recorded, by feed.
    :ivar missing: feeds that the last list left out. :ivar watermark: when the newest event of all was recorded.
    """

    began: datetime
    offsets: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, datetime] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    watermark: datetime | None = None


class _BeginsAgainError(Exception):
    """A feed no longer has the last event that was read, at its offset."""


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Open each feed at the last event that was read, and close it once nothing more comes.

    The offset is kept once its events are durable, so a feed that is cut off continues from there. The last event that
    was read is requested again: if another event has its offset, or the feed has nothing there, the feed may have begun
    its offsets again, and it is read from its oldest event.

    :ivar quiet: How long nothing may come until the feed counts as read.
    :ivar longest: How long one connection is read. After that the feeds are listed again, with new tokens.
    :ivar consecutive: Whether offsets have no holes: then a hole after the last event that was read is reported as a
        gap, because the vendor may have dropped events.
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
                # A step, so that a run can end when its time is over.
                yield Step((), packed(kept), reader.now(), kept.watermark)
        yield Step((), packed(kept), reader.now(), kept.watermark)

    def _read(
        self, reader: Reader, source: FeedReader, feed: Feed, kept: FeedState
    ) -> Generator[Step, int, tuple[FeedState, bool]]:
        """Continue reading one feed; return whether there is nothing more for now."""
        if feed.name in kept.offsets:
            try:
                return (yield from self._follow(reader, source, feed, kept, kept.offsets[feed.name]))
            except _BeginsAgainError:
                pass
        return (yield from self._follow(reader, source, feed, kept, None))

    def _follow(
        self, reader: Reader, source: FeedReader, feed: Feed, kept: FeedState, last: int | None
    ) -> Generator[Step, int, tuple[FeedState, bool]]:
        """Read a feed after its last event, or from its oldest one.

        :raises _BeginsAgainError: the last event is not there. Nothing was read in this case.
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
        """Return the events of a part that come after the last event that was read.

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
    """Report once each feed that was read and is no longer listed; if it is listed again, its reading continues."""
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
