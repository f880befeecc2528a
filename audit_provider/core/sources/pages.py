"""Reading one page: build the request, judge the answer, find the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError, RefusedError
from audit_provider.core.model import text_of
from audit_provider.core.records import Extractor, RecordReader, text_at, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit_provider.core.http import Answer, HttpClient
    from audit_provider.core.model import Event, Window
    from audit_provider.core.sources.spec import SourceSpec


@dataclass(frozen=True, slots=True)
class Page:
    """One page of events.

    :ivar recorded: when each was recorded, or happened where the vendor does not say; to measure the order.
    :ivar cursor: the cursor the service gave, whatever it means; "" for none.
    :ivar more: the service says, or its cursor implies, that another page follows.
    """

    events: tuple[Event, ...]
    recorded: tuple[datetime, ...]
    cursor: str
    more: bool


class PageReader:
    """Reads pages of one source.

    :param client: sends to the source's host, paced to its budget.
    """

    def __init__(self, spec: SourceSpec, client: HttpClient) -> None:
        self.spec = spec
        self.records = RecordReader(spec.fields)
        self._client = client
        self._request = spec.request
        paging = spec.paging
        extractor = Extractor(
            {
                spec.records_at: list[msgspec.Raw],
                **dict.fromkeys((paging.cursor_at, paging.more_at, spec.errors_at, spec.code_at), Any),
            }
        )
        self._decode = extractor.decode
        self._records, self._cursor = extractor.getter(spec.records_at), extractor.getter(paging.cursor_at)
        self._more = extractor.getter(paging.more_at)
        self._error = (extractor.getter(spec.errors_at), extractor.getter(spec.code_at))

    @property
    def sent(self) -> tuple[datetime, ...]:
        """When the last requests on this source's budget were sent."""
        return self._client.pacer.history if self._client.pacer else ()

    def fetch(self, window: Window | None, cursor: str) -> Page:
        """Return one page.

        :param window: fills ``{start}`` and ``{end}`` of the request.
        :param cursor: "" for the first page.
        :raises RefusedError: the service refuses the request, for instance a stored cursor.
        :raises CredentialError: it does not accept the token.
        :raises ProtocolError: the answer cannot be trusted.
        :raises UnavailableError: no usable answer came.
        """
        try:
            answer = self._answer(window, cursor)
        except RefusedError as error:
            first, second = self._request, self.spec.fallback
            if error.status != 400 or cursor or second is None or second == first:
                raise
            self._request = second
            try:
                answer = self._answer(window, cursor)
            except RefusedError:
                self._request = first
                raise error from None
        return self._page(answer, cursor)

    def probe(self) -> str:
        """Prove the credential; return a sentence that says whose it is.

        :raises AuditError: it is not accepted, or the service cannot be reached.
        """
        answer = self._client.fetch("GET", self.spec.probe.path, headers={"Accept": "application/json"})
        self._judge(answer)
        found = answer.json()
        shown = [text for path in self.spec.probe.shows if (text := text_at(found, path))]
        return f"{self.spec.title} accepts the token" + (f" ({', '.join(shown)})." if shown else ".")

    def _answer(self, window: Window | None, cursor: str) -> Answer:
        request = self._request
        bounds = {"{start}": text_of(window.start), "{end}": text_of(window.end)} if window else {}
        params = _filled(request.params, bounds)
        body = _filled(request.body, bounds)
        if cursor:
            target = params if self.spec.paging.sent_in == "query" else body
            target[self.spec.paging.param] = cursor
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self._client.fetch(
            request.method,
            request.path,
            params=params,
            headers=headers,
            body=None if body is None else msgspec.json.encode(body),
        )
        self._judge(answer)
        return answer

    def _judge(self, answer: Answer) -> None:
        status = answer.status
        if status == 200:
            return
        code, said = self._words(answer)
        hint = self.spec.hints.get(code) or self.spec.hints.get(str(status), "")
        message = f"{answer.where} answered {status}{f' ({code})' if code else ''}{said}"
        if status in (401, 403):
            raise CredentialError(
                f"{message}: {hint or 'check the API token on the connection, its rights and the plan.'}"
            )
        if 300 <= status < 400:
            raise ConfigurationError(f"{message}, a redirect, which is not followed: check the connection's host.")
        if status in (404, 405):
            raise ConfigurationError(f"{message}: check that the connection's host is {self.spec.title}'s API.")
        if 400 <= status < 500:
            raise RefusedError(f"{message}{f': {hint}' if hint else '.'}", status=status)
        raise ProtocolError(f"{message}, which is not an answer of {self.spec.title}: check the connection's host.")

    def _words(self, answer: Answer) -> tuple[str, str]:
        """Return the vendor's error code and its words, the latter as ``": text"``."""
        try:
            found = answer.json()
        except ProtocolError:
            return "", f": {answer.not_json()}" if answer.is_web_page else ""
        code = text_at(found, self.spec.code_at)
        told = value_at(found, self.spec.errors_at) if self.spec.errors_at else None
        words = "; ".join(str(each) for each in told) if isinstance(told, list) else str(told or "")
        request_id = text_at(found, "request_id")
        said = f": {self._client.redact(words)[:300]}" if words else ""
        return code, said + (f" (request {request_id})" if request_id else "")

    def _page(self, answer: Answer, cursor: str) -> Page:
        try:
            found = self._decode(_valid_text(answer.body))
        except msgspec.ValidationError as error:
            raise ProtocolError(
                f"{answer.where} answered 200, but not with a page of {self.spec.title} ({error})."
            ) from None
        except msgspec.DecodeError:
            raise ProtocolError(answer.not_json()) from None
        records = self._records(found)
        if not records:
            self._refuse_hidden_error(answer, found)
            if records is msgspec.UNSET and not self.spec.records_may_be_absent:
                raise ProtocolError(f"{answer.where} answered 200 without {self.spec.records_at!r}.")
        events, recorded = self.records.events(records or (), self._client.now(), answer.where)
        given = self._cursor(found)
        given = str(given) if isinstance(given, (str, int)) and not isinstance(given, bool) else ""
        more = self._more(found)
        more = bool(given) if more in (msgspec.UNSET, None) else bool(more)
        if more and not given:
            raise ProtocolError(
                f"{answer.where} says that there is more but gives no cursor to it, so the rest cannot be read."
            )
        if more and given == cursor:
            raise ProtocolError(
                f"{answer.where} gave the cursor it was asked with as the next one, so the rest cannot be read."
            )
        return Page(tuple(events), tuple(recorded), given, more)

    def _refuse_hidden_error(self, answer: Answer, found: Any) -> None:
        """Refuse a 200 that holds an error instead of records."""
        if any(each(found) not in (msgspec.UNSET, None, "", [], 0, False) for each in self._error):
            code, said = self._words(answer)
            hint = self.spec.hints.get(code, "")
            raise ProtocolError(
                f"{answer.where} answered 200 with an error inside{f' ({code})' if code else ''}{said}"
                f"{f': {hint}' if hint else '.'}"
            )


def _filled(template: Any, bounds: Mapping[str, str]) -> Any:
    """Return a copy of ``template`` with the bounds in place of their names."""
    if isinstance(template, str):
        for name, text in bounds.items():
            template = template.replace(name, text)
        return template
    if isinstance(template, dict):
        return {key: _filled(value, bounds) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_filled(value, bounds) for value in template]
    return template


def _valid_text(body: bytes) -> bytes:
    """Return ``body``, with any byte that is not UTF-8 replaced: one bad byte must not hold up a log."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body
