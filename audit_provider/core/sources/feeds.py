"""Reading feeds: addresses whose answer does not end, with one event in each line."""

from __future__ import annotations

from dataclasses import dataclass
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
from audit_provider.core.fields import all_paths_of, text_at, value_at, whole_number
from audit_provider.core.sources.export import FeedList
from audit_provider.core.wire.answer import Answer
from audit_provider.core.wire.later import later_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from audit_provider.core.model import Event
    from audit_provider.core.sources.pages import PageReader


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed. :ivar name: which is the same in every list of feeds. :ivar token: for its URL alone."""

    name: str
    url: str
    token: str


class Part(NamedTuple):
    """Events that came together.

    :ivar recorded: when each was recorded. :ivar offsets: of each, None where it shows none.
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
        """Ask for the feeds.

        :raises ProtocolError: there is none, or one without an address or a token.
        :raises AuditError: as of :meth:`~audit_provider.core.sources.pages.PageReader.fetch`.
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

        :param offset: of the last event that was read; 0 for the oldest there is.
        :param received: the time of events that show none.
        :raises CredentialError: the feed's token is refused. :raises RefusedError: the request is.
        :raises UnavailableError: the feed is not to be had now, or was cut off.
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
        """Raise what an answer means that is no feed."""
        if answer.is_web_page and answer.status == 200:
            raise ProtocolError(answer.not_json())
        message = f"{answer.where} answered {answer.status} in place of events"
        if said := later_of(answer, self._pages.later):
            raise UnavailableError(f"{message}.", wait=said.least or None)
        if answer.status in (401, 403):
            raise CredentialError(f"{message}: {self._pages.spec.access}")
        raise RefusedError(f"{message}.", status=answer.status)
