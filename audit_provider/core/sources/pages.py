"""Read one page: build the request, judge the answer, find the records."""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ProtocolError, RefusedError, UnavailableError
from audit_provider.core.model import Fields, Window
from audit_provider.core.records.content import Content
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.fields import is_absent, paths_of, text_at, whole_number
from audit_provider.core.sources.answers import AnswerJudge
from audit_provider.core.sources.description_check import PageWatch, fault_beside, records_elsewhere
from audit_provider.core.sources.export import FileList
from audit_provider.core.sources.files import FileReader
from audit_provider.core.sources.page_records import Exploder, PageDecoder, RepeatMeter
from audit_provider.core.sources.paging import (
    Call,
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
)
from audit_provider.core.sources.reading.base import latest_end
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.shown import Shown
from audit_provider.core.sources.statement import PartWatch, ResultWaiter, StatementPaging, records_of
from audit_provider.core.text.templates import bounds_of, filled, unbounded
from audit_provider.core.wire.waits import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit_provider.core.model import Event
    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.sources.statement import Columns
    from audit_provider.core.wire.http import Answer, HttpClient
    from audit_provider.core.wire.rate_limit import Burst

_ACCEPTED = 202
_MOST_LOOKS = 3
"""How often a page that a cursor leads to is requested at most while the answer has no content."""
_CONTENT = Content()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of events.

    :ivar recorded: when each was recorded, or when it happened if the vendor does not say; used to measure the order.
    :ivar cursor: the cursor that the service gave, even if no page follows now; "" for none.
    :ivar more: the service says, or its cursor implies, that another page follows.
    :ivar total: number of all records, if the vendor says it.
    :ivar named: every record has an id of its own. :ivar content: compares the contents of its records.
    :ivar undated: a record shows no time and was given another, so the times do not show the order.
    :ivar unreadable: number of records beside the events that were set aside. :ivar cut: the service says that the page
        is not whole, and nothing leads to the rest. :ivar said: the service says that the list ends here.
    """

    events: tuple[Event, ...]
    recorded: tuple[datetime, ...]
    cursor: str
    more: bool
    total: int | None = None
    named: bool = True
    content: Content = _CONTENT
    undated: bool = False
    unreadable: int = 0
    cut: bool = False
    said: bool = False

    @property
    def ordered(self) -> tuple[datetime, ...]:
        """The times that show the order: none if a record shows no time of its own."""
        return () if self.undated else self.recorded


class PageReader:
    """Reads pages of one source.

    :param client: sends to the source's host, paced to its budget.
    :param outside: returns a client without any credential for a base URL; needed if events come in files.
    :ivar request: the one in use, the source's ``request`` or its ``fallback``. :ivar later: see :class:`AnswerJudge`.
    :ivar watch: notices in the answers signs that the source is described wrongly.
    :ivar wanted: the window of the past that is read, in which records without a time are dated; None if the log is
        read up to now.
    :ivar prepares: the source's preparation must still be sent; it changes something at the vendor.
    :param each: the source for each of its logs, by name, if it has several.
    """

    def __init__(
        self,
        spec: SourceSpec,
        client: HttpClient,
        outside: Callable[[str], HttpClient] | None = None,
        *,
        each: Mapping[str, SourceSpec] | None = None,
    ) -> None:
        self.spec = spec
        self.records = RecordReader(spec.fields, spec.volatile)
        self._outside = outside or (lambda _: client)
        self.files = FileReader(self, client, self._outside) if spec.export else None
        self._each = dict(each or {})
        self.prepares = True
        self._exploder = Exploder(spec.explode_at) if spec.explode_at else None
        listed = spec.export if isinstance(spec.export, FileList) else None
        fields = Fields(listed.id_at, listed.created_at) if listed else spec.fields
        self._listed = RecordReader(fields) if listed else self.records
        self._decoder = PageDecoder(spec, fields, self.records, self._listed)
        self._client = client
        self.request = spec.request
        self.wanted: Window | None = None
        self.watch = PageWatch(spec, client.now)
        self._judge = AnswerJudge(spec, client.redact)
        self.later = self._judge.later
        self._lost_page = False
        self._waiter = ResultWaiter(spec.polling, client.now, self.pause) if spec.polling else None
        self._proves_rows = isinstance(spec.paging, StatementPaging)
        self._parts = PartWatch() if self._proves_rows and spec.fields.id else None
        self._names: tuple[bytes, ...] = ()
        counted = isinstance(spec.paging, OffsetPaging | PagePaging) and spec.paging.ends_when_same
        self._content = Content(spec.volatile)
        self._repeats = RepeatMeter(self._content) if counted else None

    @property
    def logs(self) -> dict[str, PageReader]:
        """A reader for each log of a source that has several, by name; they share one reader of records."""
        return {name: self._for(spec) for name, spec in self._each.items()}

    def _for(self, spec: SourceSpec) -> PageReader:
        reader = copy.copy(self)
        reader.spec, reader.request, reader._each = spec, spec.request, {}
        if self.files:
            reader.files = FileReader(reader, self._client, self._outside)
        return reader

    @property
    def request_key(self) -> str:
        """A digest of the request and its paging, which shows whether a kept cursor still belongs to them."""
        return self._key_of(self.request)

    def resume(self, key: str) -> bool:
        """Use the request that a kept cursor belongs to; return whether this source has it.

        :param key: the :attr:`request_key` kept with the cursor.
        """
        for request in (self.request, self.spec.request, self.spec.fallback):
            if request and self._key_of(request) == key:
                self.request = request
                return True
        return False

    def _key_of(self, request: Request) -> str:
        asked = (request, self.spec.follow, self.spec.paging)
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]

    @property
    def sent(self) -> tuple[Burst, ...]:
        """When the last requests on this source's budget were sent."""
        return self._client.pacer.history if self._client.pacer else ()

    def fetch(self, window: Window | None, cursor: str, same: Counter[str] | None = None) -> Page:
        """Return one page.

        :param window: fills ``{start}`` and ``{end}`` of the request; None leaves out the parameters that hold them.
        :param cursor: "" for the first page.
        :param same: how often each record without an id was seen before. By default, equal ones on two pages count as
            one, because rows move to a later page when others come in before them.
        :raises RefusedError: the service refuses the request, for instance a stored cursor.
        :raises CredentialError: it does not accept the token.
        :raises ProtocolError: the answer cannot be trusted.
        :raises UnavailableError: no usable answer came.
        """
        spec = self.spec
        self.prepare()
        if cursor:
            return self._led_to(window, cursor, same)
        try:
            answer = self.ask(self.request, window, for_page=True)
        except RefusedError as error:
            other = spec.fallback if self.request == spec.request else spec.request
            if error.status != 400 or other in (None, self.request):
                raise
            try:
                answer = self.ask(other, window, for_page=True)
            except RefusedError:
                raise error from None
            self.request = other
        return self._page(answer, window, cursor, same)

    def _led_to(self, window: Window | None, cursor: str, same: Counter[str] | None) -> Page:
        """Return the page that a cursor leads to.

        A page without records and without a next page is requested again. It is the end of the list only if the vendor
        answers the same again.
        """
        looked = 0
        while True:
            answer = self.ask(self.spec.follow or self.request, window, cursor, for_page=True)
            page = self._page(answer, window, cursor, same)
            looked += 1
            is_end = page.events or page.unreadable or page.more or page.said or not self._leads_to_a_page
            if is_end or looked == (_MOST_LOOKS if self._judge.has_no_content(answer) else 2):
                return page
            self.pause(backoff(looked))

    def look_back(self, window: Window | None, cursor: str) -> Page:
        """Return a page that was read before, as it is now, without counting it as a repeated page.

        :raises AuditError: as :meth:`fetch` does.
        """
        repeats, self._repeats = self._repeats, None
        try:
            return self.fetch(window, cursor, Counter())
        finally:
            self._repeats = repeats

    def ask(
        self,
        request: Request,
        window: Window | None,
        cursor: str = "",
        *,
        by_cursor: bool = False,
        for_page: bool = False,
    ) -> Answer:
        """Send a request of the source and return its answer if it is good.

        :param by_cursor: the request names something that may no longer exist, such as a cursor.
        :param for_page: the request is for a page, so the answer may also say that there is none.
        """
        answer = self._send(request, window, cursor)
        if self._waiter and for_page:

            def look(job: Request | None) -> Answer:
                return self._send(job, None, "") if job else self._send(request, window, cursor)

            answer = self._waiter.result(answer, look, is_part=bool(cursor))
        if for_page and self._says_nothing_new(answer, cursor):
            return answer
        if for_page and self._is_promised(cursor):
            # If this raises, the flag stays: the page that is then read again must exist, or the service contradicts
            # itself.
            self._lost_page = True
            self._judge.refuse_lost_page(answer)
            self._lost_page = False
        self._judge.judge(answer, by_cursor=by_cursor or bool(cursor), carried_cursor=bool(cursor))
        return answer

    def _send(self, request: Request, window: Window | None, cursor: str) -> Answer:
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
        return self._client.fetch(
            call.method,
            call.path,
            params=call.params or None,
            headers=call.headers,
            body=None if call.body is None else msgspec.json.encode(call.body),
            later=self.later,
        )

    def _says_nothing_new(self, answer: Answer, cursor: str) -> bool:
        """Whether an answer says that there is no page; never for a statement, whose result says its number of rows."""
        if self._proves_rows:
            return False
        return self._judge.says_nothing_new(answer, promised=self._is_promised(cursor))

    def refuse_hidden_error(self, answer: Answer) -> None:
        """Refuse an answer of the source that holds an error, with any status; see :class:`AnswerJudge`."""
        self._judge.refuse_hidden_error(answer)

    def _rows(
        self, columns: Columns, answer: Answer, found: Any, rows: Sequence[msgspec.Raw], cursor: str
    ) -> list[msgspec.Raw]:
        """Return rows as records.

        :raises RefusedError: an earlier run has read the page that names the columns, so it must be read again.
        """
        if not cursor:
            self._names = ()
        shown = self._decoder.value(found, columns.at)
        if not is_absent(shown):
            self._names = columns.names_in(shown, answer.where)
        if rows and not self._names:
            if cursor:
                raise RefusedError(f"{answer.where} does not name the columns of its rows.", status=400)
            self._names = columns.names_in(None, answer.where)
        return records_of(rows, self._names, answer.where)

    def prepare(self) -> bool:
        """Send the source's preparation, once; return whether it has started something at the vendor.

        The result is always False if the source does not know the vendor's codes for "done before".

        :raises AuditError: as :meth:`fetch` does.
        """
        preparation = self.spec.preparation
        if not preparation or not self.prepares:
            return False
        answer = self._send(preparation.request, None, "")
        was_done = self._judge.has_code(answer, preparation.done_codes)
        if not was_done:
            self._judge.judge(answer, by_cursor=False, carried_cursor=False)
            if answer.body.strip():
                # An answer of a proxy, or an error with the status of a success, has prepared nothing.
                self._judge.refuse_hidden_error(answer)
        self.prepares = False
        return bool(preparation.done_codes) and not was_done

    def _is_promised(self, cursor: str) -> bool:
        """Whether a flag said that there is a page; never if the strategy follows a cursor to events yet to come."""
        follows = self.spec.reading.backfill != "recovery"
        flagged = self._proves_rows or bool(getattr(self.spec.paging, "more_at", ""))
        return (bool(cursor) or self._lost_page) and follows and flagged

    @property
    def _leads_to_a_page(self) -> bool:
        """Whether a cursor is given only if a page follows; never if the strategy follows it to events yet to come."""
        paging = self.spec.paging
        counted = isinstance(paging, OffsetPaging) and bool(paging.total_at)
        given = counted or isinstance(paging, CursorPaging | NextUrlPaging | LinkPaging)
        return given and not getattr(paging, "ends_when_empty", False) and self.spec.reading.backfill != "recovery"

    def pause(self, seconds: float) -> None:
        """Wait some seconds between two requests. :raises WaitError: the wait is too long to sleep here."""
        self._client.sleep(seconds)

    def probe(self) -> str:
        """Prove the credential, and that it may read the log; return a sentence that says whose it is.

        :raises AuditError: it is not accepted, or the service cannot be reached.
        """
        probe, title = self.spec.probe, self.spec.title
        if probe is None:
            self.fetch(self._last_hour(), "")
            return f"{title} accepts the credential and shows events."
        answer = self.ask(Request("GET", probe.path), None)
        found = answer.json()
        if self.spec.export is None:
            # A valid token may have no right to the log, or the plan may not include the log.
            self.fetch(self._last_hour(), "")
        shown = [text for path in probe.shows if (text := text_at(found, path))]
        return f"{title} accepts the token" + (f" ({', '.join(shown)})." if shown else ".")

    def _last_hour(self) -> Window:
        end = latest_end(self._client.now(), self.spec.behind)
        return Window(end - timedelta(hours=1), end)

    def _page(self, answer: Answer, window: Window | None, cursor: str, same: Counter[str] | None) -> Page:
        spec = self.spec
        if self._says_nothing_new(answer, cursor):
            return Page((), (), "", more=False)
        try:
            found, aside = self._decoder.decoded(answer)
        except msgspec.ValidationError as error:
            self._judge.refuse_hidden_error(answer)
            raise ProtocolError(
                f"{answer.where} answered 200, but not with a page of {spec.title} ({error})."
            ) from None
        self._judge.refuse_hidden_error(answer, lambda path: self._decoder.value(found, path))
        records = self._decoder.records(found)
        if records is msgspec.UNSET:
            for path in paths_of(spec.records_at):
                self._decoder.refuse_obstacle(answer, found, path)
            if not spec.records_may_be_absent:
                raise ProtocolError(f"{answer.where} answered 200 without {spec.records_at!r}.")
            whole = answer.json()
            if name := next(filter(None, (fault_beside(whole, path) for path in paths_of(spec.records_at))), ""):
                raise ProtocolError(
                    f"{answer.where} answered 200 without {spec.records_at!r}, but with {name!r}, which may be an "
                    "error: if it means that there are no events, say so by errors.empty_words of the source."
                )
            if elsewhere := records_elsewhere(whole, paths_of(spec.fields.time)):
                raise ProtocolError(
                    f"{answer.where} answered 200 without {spec.records_at!r}, but has records at {elsewhere!r}: set "
                    "records_at of the source to that path."
                )
        records = records or ()
        if not records and answer.status == _ACCEPTED:
            raise UnavailableError(f"{answer.where} answered 202 without records: its result is not ready.")
        if isinstance(records, dict):
            records = list(records.values())
        if spec.columns:
            records = self._rows(spec.columns, answer, found, records, cursor)
        repeats = self._count_repeats(cursor, records, answer.where)
        counter: Counter[str] = Counter() if same is None else same
        before, undated, unread = counter.total(), self._listed.undated, len(self._listed.unreadable)
        # A repeated page has no events of its own.
        events, recorded = self._listed.events(
            () if repeats else records, undated_at(window, self._client.now(), self.wanted), answer.where, same=counter
        )
        ids = [event.id for event in events]
        if self._exploder and events:
            events, recorded = self._exploder.separate(events, recorded, counter)
        aside += len(self._listed.unreadable) - unread
        if self._listed is not self.records and self._listed.take_unreadable():
            raise ProtocolError(
                f"{answer.where} lists a file whose entry cannot be read, so its events would be missing."
            )
        named, shows_none = counter.total() == before, self._listed.undated > undated
        if self._repeats:
            self._repeats.named = named = named if not repeats else self._repeats.named
        if self._parts:
            self._parts.take(cursor, ids, answer.where)
        shown = Shown(
            lambda path: self._decoder.value_unhidden(answer, found, path),
            answer.headers,
            [""] * len(records) if repeats else [*ids, *[""] * aside],
            cursor,
            self._client.base_url,
            self.request.path,
            answer.where,
            self._listed.last_id,
            repeats,
            answer.redact,
        )
        way = spec.paging.read(shown)
        if way.more and not way.cursor:
            raise ProtocolError(
                f"{answer.where} says that there is more but gives no cursor to it, so the rest cannot be read."
            )
        if way.more and way.cursor == cursor:
            raise ProtocolError(
                f"{answer.where} returned the cursor of the request as the next one, so the rest cannot be read: if "
                "this marks the end of the list, set paging.ends_when_same of the source to true."
            )
        if way.cut and not hasattr(spec.reading, "most"):
            raise ProtocolError(
                f"{answer.where} says that more was cut off, so the rest cannot be read: use closed_windows, which "
                "requests shorter time ranges."
            )
        self.watch.look(shown, way, records, answer, self.request)
        return Page(
            tuple(events),
            tuple(recorded),
            way.cursor,
            way.more,
            way.total,
            named,
            self._content,
            undated=shows_none,
            unreadable=aside,
            cut=way.cut,
            said=way.said,
        )

    def _count_repeats(self, cursor: str, records: Sequence[msgspec.Raw], where: str) -> int:
        if not self._repeats:
            return 0
        number = whole_number(cursor)
        if number is None:
            number = self.spec.paging.first if isinstance(self.spec.paging, PagePaging) else 0
        return self._repeats.count(number, records, where)


def undated_at(window: Window | None, now: datetime, wanted: Window | None = None) -> datetime:
    """Return the time to give a record that shows none: that of receipt, or the middle of a window of the past.

    In a backfill, the time of receipt would be outside the wanted window, and the record would be left out.

    :param window: the requested one; None if the request has no bounds. :param wanted: window of the past; None if the
        log is read up to now.
    """
    if wanted:
        start, end = wanted.start, wanted.end
        if window and window.start < end and start < window.end:
            start, end = max(start, window.start), min(end, window.end)
        return start + (end - start) / 2
    if window is None or window.end >= now - timedelta(hours=1):
        return now
    return window.start + (window.end - window.start) / 2
