"""Try a source: read a little of its log, measure it, and compare it with the source's description.

Nothing is written, neither here nor at the vendor, and the report contains no event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError
from audit_provider.core.model import Window, text_of
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.records.content import Content
from audit_provider.core.records.fields import Extractor, FieldReader, all_paths_of, getter_of
from audit_provider.core.sources.description_check import page_size
from audit_provider.core.sources.export import ExportJob, FeedList, FileList
from audit_provider.core.sources.reading.base import latest_end
from audit_provider.core.text.templates import asked_for
from audit_provider.core.wire.rate_limit import Pacer

if TYPE_CHECKING:
    from audit_provider.core.model import Event
    from audit_provider.core.sources.pages import PageReader
    from audit_provider.core.sources.spec import SourceSpec

_RATE_HEADER = re.compile(r"rate-?limit|retry-after|quota|throttl", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:/\- ]{1,80}")
_PLAIN_VALUE = re.compile(r"[\w.,:;= \-+/\"]{1,80}")
_TIME_WORDS = frozenset(
    (
        *("t", "z", "utc", "gmt", "am", "pm", "est", "edt", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan"),
        *("feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    )
)
_MOST_NAMED = 20
_MOST_FILES = 3
_FORMS = 3
_WANTED_ORDER = {"IdKeyset": "oldest first", "SinceScan": "newest first", "HeadScan": "newest first"}


class ObservedPacer(Pacer):
    """Keeps to the budget, and remembers what the answers say about it.

    :ivar requests: how many were sent. :ivar headers: the last value of each header about the budget.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests = 0
        self.headers: dict[str, str] = {}

    def wait(self) -> None:
        """See :class:`Pacer`."""
        super().wait()
        self.requests += 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """See :class:`Pacer`."""
        super().observe(headers)
        for name, value in headers.items():
            if _RATE_HEADER.search(name) and _PLAIN_VALUE.fullmatch(value):
                self.headers[name] = value


@dataclass(slots=True)
class LogTrial:
    """What was seen of one log.

    :ivar name: of the log, if the source has several. :ivar sizes: number of records on each page.
    :ivar times: of the events, in the order served. :ivar forms: how the times are written, with 9 for each digit.
    :ivar ids: of the events. :ivar contents: digests of their contents, by id. :ivar ended: the whole list was read.
    :ivar failed: why reading ended, "" if it did not fail.
    """

    name: str
    window: Window
    sizes: list[int] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    contents: dict[str, set[str]] = field(default_factory=dict)
    unnamed: int = 0
    unreadable: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    ended: bool = False
    failed: str = ""

    @property
    def order(self) -> str:
        """The order in which the events were served."""
        steps = [later - earlier for earlier, later in pairwise(self.times)]
        rising, falling = any(step > timedelta(0) for step in steps), any(step < timedelta(0) for step in steps)
        if rising and falling:
            return "none"
        return "oldest first" if rising else "newest first" if falling else "not measurable"


def tried(
    pages: PageReader, pacer: ObservedPacer, since: timedelta, now: Callable[[], datetime], most_pages: int = 20
) -> Report:
    """Read the events of the last ``since``, and return what was seen.

    :param pacer: of the client that ``pages`` uses. :param most_pages: most pages that are read of each log.
    """
    begun = now()
    # A preparation would start a subscription, or change something else at the vendor.
    pages.prepares = False
    logs = []
    for name, reader in (pages.logs or {"": pages}).items():
        end = latest_end(now(), reader.spec.behind)
        log = LogTrial(name, Window(end - since, end))
        try:
            if isinstance(reader.spec.export, ExportJob):
                reader.probe()
            elif isinstance(reader.spec.export, FeedList):
                _read_feeds(reader, log, most_pages)
            else:
                _read(reader, log, most_pages)
        except AuditError as error:
            log.failed = str(error)
        logs.append(log)
    return Report(
        pages.spec,
        tuple(logs),
        pacer.requests,
        now() - begun,
        dict(pacer.headers),
        now(),
        tuple(pages.watch.fresh()),
        tuple(pages.records.oddities(quotes=False)),
    )


def _read(pages: PageReader, log: LogTrial, most_pages: int) -> None:
    note = _Notes(pages.spec, log)
    cursor, files = "", 0
    while len(log.sizes) < most_pages:
        page = pages.fetch(log.window, cursor)
        events: Sequence[Event] = page.events
        if isinstance(pages.spec.export, FileList) and pages.files:
            events = []
            for file in pages.files.files(pages.spec.export, page.events):
                if files < _MOST_FILES:
                    files += 1
                    rows = [each for part in pages.files.rows(file, pages.records, log.window.end) for each in part]
                    events = [*events, *rows]
        log.sizes.append(len(page.events) + page.unreadable)
        log.unnamed += 0 if page.named else 1
        log.unreadable += page.unreadable
        note.take(events, page.content)
        if not page.more:
            log.ended = True
            return
        cursor = page.cursor


def _read_feeds(pages: PageReader, log: LogTrial, most_parts: int) -> None:
    """Read a few parts of each feed, from its oldest event."""
    from audit_provider.core.sources.reading.event_feed import EventFeed, FeedReader

    reading = pages.spec.reading if isinstance(pages.spec.reading, EventFeed) else EventFeed()
    note, content, source = _Notes(pages.spec, log), Content(pages.spec.volatile), FeedReader(pages)
    ended = []
    for feed in source.feeds():
        parts = source.read(feed, 0, log.window.end, quiet=reading.quiet, longest=reading.longest)
        for part in islice(parts, most_parts):
            ended += [feed.name] if part.caught_up else []
            if part.events:
                log.sizes.append(len(part.events))
            note.take(part.events, content)
        log.ended = feed.name in ended


class _Notes:
    """Measures events without keeping them."""

    def __init__(self, spec: SourceSpec, log: LogTrial) -> None:
        self._log = log
        self._classify = FieldReader(spec.fields, ("action",))
        self._written = _TimesAsWritten(spec)

    def take(self, events: Sequence[Event], content: Content) -> None:
        log = self._log
        for event in events:
            log.times.append(event.time)
            log.ids[event.id] += 1
            log.contents.setdefault(event.id, set()).add(content.digest(event.raw))
            if action := self._classify.read(event.raw).get("action"):
                log.actions[action] += 1
            if form := self._written.of(event):
                log.forms[form] += 1


class _TimesAsWritten:
    """Finds how times are written, without showing the times."""

    def __init__(self, spec: SourceSpec) -> None:
        paths = all_paths_of(spec.fields.time)
        self._decode = Extractor(dict.fromkeys(paths, Any)).decode
        self._getters = [getter_of(path) for path in paths]

    def of(self, event: Event) -> str:
        try:
            found = self._decode(event.raw)
        except ValueError:
            return ""
        value = next((each for get in self._getters if isinstance(each := get(found), (str, int, float))), "")
        form = re.sub(r"\d", "9", str(value))[:40]
        # If 'fields.time' is wrong, the value there is not a time, and must not be shown.
        return form if all(word.lower() in _TIME_WORDS for word in re.findall(r"[^\W\d_]+", form)) else "a text"


@dataclass(frozen=True, slots=True)
class Report:
    """What a trial has seen.

    :ivar took: how long it took. :ivar headers: those about the budget, as last seen.
    :ivar notices: signs of a wrong description. :ivar oddities: sentences about irregular records.
    """

    spec: SourceSpec
    logs: tuple[LogTrial, ...]
    requests: int
    took: timedelta
    headers: Mapping[str, str]
    now: datetime
    notices: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines of the report, without any event."""
        spec = self.spec
        found = [
            f"{spec.title} ({spec.name}), tried at {text_of(self.now)}: {self.requests} requests in "
            f"{self.took.total_seconds():.1f} s"
        ]
        for log in self.logs:
            found += _lines_of(log, spec, self.now)
        limit = f"the description says {spec.rate_limit.requests:,} in {spec.rate_limit.per:g} s"
        shown = ", ".join(f"{name}: {value}" for name, value in sorted(self.headers.items()))
        found.append(f"budget: {shown or 'no header says anything'}; {limit}")
        found += self.oddities
        return found

    def differences(self) -> list[str]:
        """Return how the log differs from the description, one sentence for each difference."""
        found = [line for log in self.logs for line in _differences_of(log, self.spec)]
        return [*found, *self.notices]


def _lines_of(log: LogTrial, spec: SourceSpec, now: datetime) -> list[str]:
    head = f"{log.name}: " if log.name else ""
    found = []
    if isinstance(spec.export, ExportJob):
        accepted = "" if log.failed else "the credential is accepted; "
        found.append(f"{head}{accepted}events come in files that are ordered, and none is ordered for a trial")
    else:
        is_feed = isinstance(spec.export, FeedList)
        what = "files on the list" if isinstance(spec.export, FileList) else "records"
        sizes = f"{min(log.sizes)} to {max(log.sizes)}" if log.sizes else "none"
        ended = "read" if log.ended else "not read"
        pages = "1 page" if len(log.sizes) == 1 else f"{len(log.sizes)} pages"
        asked = "asked for the oldest that the feeds hold" if is_feed else f"asked for {log.window}"
        found.append(f"{head}{asked}: {pages}, {what} on each: {sizes}; {ended} to the end of the list")
    if log.times:
        repeated = sum(log.ids.values()) - len(log.ids)
        named = "none, a digest of the record is used" if log.unnamed else f"{len(log.ids):,} different"
        newest = max(log.times)
        forms = ", ".join(f"{form} ({_zone(form)})" for form, _ in log.forms.most_common(_FORMS)) or "not found"
        found += [
            f"{head}events: {len(log.times):,}; order: {log.order}; ids: {named}, {repeated} repeated",
            f"{head}times: {forms}; the newest event is {_span(now - newest)}",
            f"{head}actions: {len(log.actions):,} different",
        ]
    elif not log.failed and not isinstance(spec.export, ExportJob):
        found.append(f"{head}nothing happened in this time: try a longer one")
    if log.failed:
        found.append(f"{head}reading failed: {log.failed}")
    return found


def _zone(form: str) -> str:
    if set(form) <= {"9", ".", "-"} and form.count("-") < 2:
        return "a number"
    return "with a zone" if re.search(r"(?:Z|UTC|GMT|[+-]99:?99)$", form) else "without a zone, taken for UTC"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:,.0f} s old" if seconds >= 0 else f"{-seconds:,.0f} s ahead of this clock"


def _differences_of(log: LogTrial, spec: SourceSpec) -> list[str]:
    head = f"{log.name}: " if log.name else ""
    found = []
    reading = type(spec.reading).__name__
    wanted = _WANTED_ORDER.get(reading)
    if wanted and log.order not in (wanted, "not measurable"):
        found.append(f"{reading} reads a log that is {wanted}, and the order is: {log.order}.")
    changed = sum(len(each) > 1 for each in log.contents.values())
    if changed:
        found.append(
            f"{changed} ids have records with different contents: 'fields.id' does not identify an event, or a field "
            "changes with every answer and belongs into 'volatile'."
        )
    if spec.fields.id and log.unnamed:
        found.append(f"some records have nothing at {spec.fields.id!r} (fields.id).")
    grain = getattr(spec.reading, "grain", timedelta(0)) + timedelta(seconds=1)
    asks_time = "start" in str(spec.request.params) + str(spec.request.body)
    if asks_time and spec.export is None and not spec.fields.recorded:
        asked_from, _ = asked_for(log.window.start, log.window.end, spec.times)
        outside = sum(time < asked_from - grain for time in log.times)
        if outside:
            found.append(
                f"{outside} of {len(log.times)} events happened before the time that was asked for: the vendor does "
                "not filter by 'fields.time'."
            )
    size = page_size(spec, spec.request)
    if size and any(each > size for each in log.sizes) and spec.export is None and not spec.explode_at:
        found.append(f"a page has {max(log.sizes)} records, and {size} were asked for.")
    if log.unreadable:
        found.append(f"{log.unreadable} records cannot be read.")
    ahead = sum(time > log.window.end + timedelta(minutes=5) for time in log.times)
    if ahead:
        found.append(f"{ahead} events lie in the future: their times may have another zone, or a clock is wrong.")
    found += _unknown(log, spec)
    if log.failed:
        found.append("reading failed, see above.")
    return [f"{head}{line}" for line in found]


def _unknown(log: LogTrial, spec: SourceSpec) -> list[str]:
    """Return a sentence about the actions that are in no table of the source, if there are any."""
    if not log.actions or not (spec.actions or spec.categories):
        return []
    classifier = Classifier(spec.actions, spec.categories, spec.watched)
    unknown = [name for name in log.actions if not classifier.of(name).known]
    if not unknown:
        return []
    shown = sorted(name for name in unknown if _PLAIN_NAME.fullmatch(name))[:_MOST_NAMED]
    rest = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
    return [f"{len(unknown)} actions have no meaning or category: {', '.join(shown)}{rest}."]
