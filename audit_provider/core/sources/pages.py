"""Reading one page: build the request, judge the answer, find the records."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import (
    ConfigurationError,
    CredentialError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from audit_provider.core.model import Fields, Window
from audit_provider.core.records import Extractor, RecordReader, text_at, time_from, value_at
from audit_provider.core.sources.export import FileList
from audit_provider.core.sources.files import FileReader
from audit_provider.core.sources.paging import Call, Shown
from audit_provider.core.sources.spec import Request
from audit_provider.core.templates import bounds_of, filled, unbounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.http import Answer, HttpClient
    from audit_provider.core.model import Event
    from audit_provider.core.sources.spec import SourceSpec


@dataclass(frozen=True, slots=True)
class Page:
    """One page of events.

    :ivar recorded: when each was recorded, or happened where the vendor does not say; to measure the order.
    :ivar cursor: the cursor the service gave, whatever it means; "" for none.
    :ivar more: the service says, or its cursor implies, that another page follows.
    :ivar total: how many records there are in all, where the vendor says it.
    """

    events: tuple[Event, ...]
    recorded: tuple[datetime, ...]
    cursor: str
    more: bool
    total: int | None = None


class PageReader:
    """Reads pages of one source.

    :param client: sends to the source's host, paced to its budget.
    :param outside: returns a client without any credential for a base URL; needed where events come in files.
    """

    def __init__(
        self, spec: SourceSpec, client: HttpClient, outside: Callable[[str], HttpClient] | None = None
    ) -> None:
        self.spec = spec
        self.records = RecordReader(spec.fields)
        self.files = FileReader(self, client, outside or (lambda _: client)) if spec.export else None
        listed = spec.export if isinstance(spec.export, FileList) else None
        self._listed = RecordReader(Fields(listed.id_at, listed.created_at)) if listed else self.records
        self._client = client
        self._request = spec.request
        errors = spec.errors
        self._judged = tuple(filter(None, (errors.message_at, errors.code_at, errors.ok_at, errors.partial_at)))
        paths = dict.fromkeys(filter(None, (*spec.paging.paths, *self._judged)), Any)
        if spec.records_at:
            extractor = Extractor({spec.records_at: list[msgspec.Raw], **paths})
            self._decode, self._records = extractor.decode, extractor.getter(spec.records_at)
        else:
            extractor = Extractor(paths)
            self._decode, self._records = msgspec.json.Decoder(list[msgspec.Raw]).decode, list
        self._getters = {path: extractor.getter(path) for path in ("", *paths)}

    @property
    def request_key(self) -> str:
        """A digest of what is asked, to tell whether a kept cursor still belongs to it."""
        asked = (self.spec.request, self.spec.follow)
        return hashlib.sha256(repr([msgspec.to_builtins(each) for each in asked]).encode()).hexdigest()[:16]

    @property
    def sent(self) -> tuple[datetime, ...]:
        """When the last requests on this source's budget were sent."""
        return self._client.pacer.history if self._client.pacer else ()

    def fetch(self, window: Window | None, cursor: str) -> Page:
        """Return one page.

        :param window: fills ``{start}`` and ``{end}`` of the request; None leaves out what holds them.
        :param cursor: "" for the first page.
        :raises RefusedError: the service refuses the request, for instance a stored cursor.
        :raises CredentialError: it does not accept the token.
        :raises ProtocolError: the answer cannot be trusted.
        :raises UnavailableError: no usable answer came.
        """
        spec = self.spec
        if cursor:
            return self._page(self.ask(spec.follow or self._request, window, cursor), window, cursor)
        try:
            answer = self.ask(self._request, window)
        except RefusedError as error:
            first, second = self._request, spec.fallback
            if error.status != 400 or second is None or second == first:
                raise
            self._request = second
            try:
                answer = self.ask(second, window)
            except RefusedError:
                self._request = first
                raise error from None
        return self._page(answer, window, cursor)

    def ask(self, request: Request, window: Window | None, cursor: str = "", *, by_cursor: bool = False) -> Answer:
        """Send a request of the source and return its answer, if it is a good one.

        :param by_cursor: what the request names may be gone, as a cursor may.
        """
        params, body = request.params, request.body
        if window:
            bounds = bounds_of(window, self.spec.times)
            params, body = filled(params, bounds), filled(body, bounds)
        else:
            params, body = unbounded(params), unbounded(body)
        call = Call(request.method, request.path, dict(params), body, {"Accept": "application/json", **request.headers})
        if cursor:
            call = self.spec.paging.apply(call, cursor)
        if call.body is not None:
            call.headers["Content-Type"] = "application/json"
        answer = self._client.fetch(
            call.method,
            call.path,
            params=call.params or None,
            headers=call.headers,
            body=None if call.body is None else msgspec.json.encode(call.body),
            later=self._means_later if self.spec.errors.slow_codes else None,
        )
        self._judge(answer, by_cursor=by_cursor or bool(cursor))
        return answer

    def probe(self) -> str:
        """Prove the credential; return a sentence that says whose it is.

        :raises AuditError: it is not accepted, or the service cannot be reached.
        """
        probe, title = self.spec.probe, self.spec.title
        if probe is None:
            now = self._client.now()
            self.fetch(Window(now - timedelta(hours=1), now), "")
            return f"{title} accepts the credential and shows events."
        answer = self.ask(Request("GET", probe.path), None)
        found = answer.json()
        shown = [text for path in probe.shows if (text := text_at(found, path))]
        return f"{title} accepts the token" + (f" ({', '.join(shown)})." if shown else ".")

    def _means_later(self, answer: Answer) -> bool:
        return 400 <= answer.status < 500 and self._words(answer)[0] in self.spec.errors.slow_codes

    def _judge(self, answer: Answer, *, by_cursor: bool) -> None:
        status = answer.status
        if status in (200, 201, 202):
            return
        code, said = self._words(answer)
        hints = self.spec.errors.hints
        hint = hints.get(code) or hints.get(str(status), "")
        message = f"{answer.where} answered {status}{f' ({code})' if code else ''}{said}"
        if status in (401, 403):
            right = self.spec.access or "check the API token on the connection, its rights and the plan."
            raise CredentialError(f"{message}: {hint or right}")
        if 300 <= status < 400:
            raise ConfigurationError(f"{message}, a redirect, which is not followed: check the connection's host.")
        if status in (404, 405) and not by_cursor:
            hint = hint or f"check that the connection's host is {self.spec.title}'s API."
            raise ConfigurationError(f"{message}: {hint}")
        if 400 <= status < 500:
            raise RefusedError(
                f"{message}{f': {hint}' if hint else '.'}", status=status, resume_at=self._resume_at(answer)
            )
        raise ProtocolError(f"{message}, which is not an answer of {self.spec.title}: check the connection's host.")

    def _resume_at(self, answer: Answer) -> datetime | None:
        if not self.spec.errors.resume_at or answer.is_web_page:
            return None
        return time_from(value_at(answer.json(), self.spec.errors.resume_at))

    def _words(self, answer: Answer) -> tuple[str, str]:
        """Return the vendor's error code and its words, the latter as ``": text"``."""
        try:
            found = answer.json()
        except ProtocolError:
            return "", f": {answer.not_json()}" if answer.is_web_page else ""
        found = found[0] if isinstance(found, list) and found else found
        code = text_at(found, self.spec.errors.code_at)
        told = value_at(found, self.spec.errors.message_at) if self.spec.errors.message_at else None
        words = "; ".join(_sentence(each) for each in told) if isinstance(told, list) else _sentence(told or "")
        request_id = text_at(found, "request_id")
        said = f": {self._client.redact(words)[:300]}" if words else ""
        return code, said + (f" (request {request_id})" if request_id else "")

    def _page(self, answer: Answer, window: Window | None, cursor: str) -> Page:
        spec = self.spec
        try:
            found = self._decode(_valid_text(answer.body))
        except msgspec.ValidationError as error:
            self._refuse_hidden_error(answer, None)
            raise ProtocolError(
                f"{answer.where} answered 200, but not with a page of {spec.title} ({error})."
            ) from None
        except msgspec.DecodeError:
            raise ProtocolError(answer.not_json()) from None
        self._refuse_hidden_error(answer, found)
        records = self._records(found)
        if records is msgspec.UNSET and not spec.records_may_be_absent:
            raise ProtocolError(f"{answer.where} answered 200 without {spec.records_at!r}.")
        events, recorded = self._listed.events(records or (), undated_at(window, self._client.now()), answer.where)
        way = spec.paging.read(
            Shown(
                lambda path: self._getters[path](found),
                answer.headers,
                [event.id for event in events],
                cursor,
                self._client.base_url,
                answer.where,
            )
        )
        if way.more and not way.cursor:
            raise ProtocolError(
                f"{answer.where} says that there is more but gives no cursor to it, so the rest cannot be read."
            )
        if way.more and way.cursor == cursor:
            raise ProtocolError(
                f"{answer.where} gave the cursor it was asked with as the next one, so the rest cannot be read."
            )
        return Page(tuple(events), tuple(recorded), way.cursor, way.more, way.total)

    def _refuse_hidden_error(self, answer: Answer, found: Any) -> None:
        """Refuse a 200 that holds an error, alone or beside records.

        :raises UnavailableError: the vendor says that records are missing from the page.
        """
        errors = self.spec.errors

        def shown(path: str) -> Any:
            value = value_at(answer.json(), path) if found is None else self._getters[path](found)
            return None if value in (msgspec.UNSET, "", [], 0, False) else value

        if errors.partial_at and shown(errors.partial_at) is not None:
            raise UnavailableError(f"{answer.where} answered with a part of the page only: {errors.partial_at} is set.")
        if errors.ok_at:
            ok = value_at(answer.json(), errors.ok_at) if found is None else self._getters[errors.ok_at](found)
            wrong = ok not in (None, msgspec.UNSET, errors.ok_is)
        else:
            wrong = False
        if wrong or any(path and shown(path) is not None for path in (errors.message_at, errors.code_at)):
            code, said = self._words(answer)
            hint = errors.hints.get(code, "")
            raise ProtocolError(
                f"{answer.where} answered 200 with an error inside{f' ({code})' if code else ''}{said}"
                f"{f': {hint}' if hint else '.'}"
            )


def undated_at(window: Window | None, now: datetime) -> datetime:
    """Return the time to give a record that shows none: that of receipt, or the middle of a window of the past.

    In a backfill the time of receipt would lie outside what is wanted, and the record would be left out.
    """
    if window is None or window.end >= now - timedelta(hours=1):
        return now
    return window.start + (window.end - window.start) / 2


def _sentence(told: Any) -> str:
    """Return a vendor's words: a text, or the text inside an error object."""
    if isinstance(told, dict):
        found = next((told[key] for key in ("message", "detail", "title", "error") if told.get(key)), told)
        return str(found)
    return str(told)


def _valid_text(body: bytes) -> bytes:
    """Return ``body``, with any byte that is not UTF-8 replaced: one bad byte must not hold up a log."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body
