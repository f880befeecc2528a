"""Reading a log that comes in files: made to order for a span of time, or listed as they appear."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    RefusedError,
    UnavailableError,
    WaitError,
)
from audit_provider.core.model import Gap, Window, back_by, text_of
from audit_provider.core.sources.export import ExportJob, FileList
from audit_provider.core.sources.reading.base import Backfill, Step, packed
from audit_provider.core.sources.reading.guard import LoopGuard

if TYPE_CHECKING:
    from audit_provider.core.sources.files import File, FileReader
    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader

_FIRST_LOOK = 2.0
_LONGEST_LOOK = 300.0
_LONGEST_NAME = 40
_GONE = frozenset({400, 404, 410})


@dataclass(frozen=True, slots=True)
class OpenExport:
    """A span that was begun and not finished. :ivar job: id of its export, "" for none. :ivar ordered_at: when that was
    ordered.
    """

    start: datetime
    end: datetime
    job: str = ""
    ordered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExportState:
    """What is kept between runs.

    :ivar began: start of the first run's time range. :ivar window_end: the files of everything before it are read.
    :ivar done: files that are read and that the next window may list again: the time of creation of each, by a digest
        of its id and path. Earlier versions kept the id.
    :ivar newest: when the newest of the events read so far happened.
    :ivar failed: listed files that could not be read yet: the time of creation of each, by the same digest.
    """

    began: datetime | None = None
    window_end: datetime | None = None
    open: OpenExport | None = None
    done: dict[str, datetime] = field(default_factory=dict)
    newest: datetime | None = None
    failed: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileExport:
    """Read the files of ``[window_end - overlap, now - settle]``, then move ``window_end``.

    A time range is fixed when it is begun, so the same job can be ordered again after a crash. Rows without an id get a
    digest of their content as id, so a file that is read twice adds nothing.

    :ivar settle: How long after an event its row may still be missing from a file.
    :ivar overlap: How far each read reaches back before ``window_end``.
    :ivar max_width: Maximum length of one time range.
    :ivar min_width: Shorter time ranges are left to a later run, because every job costs the vendor a file.
    :ivar list_width: Maximum length of the time range of one request for a list of files; 0 for no limit.
    :ivar made_within: How long after its events a listed file may be created; a backfill looks this much further.
    :ivar behind: A requested end is this long before now, for a vendor that refuses an end that its own clock has not
        reached. A backfill waits for its end.
    :ivar ready_within: How long an ordered file may take. After that the task fails, and the next try orders it again.
    """

    settle: timedelta = timedelta(minutes=15)
    overlap: timedelta = timedelta(hours=1)
    max_width: timedelta = timedelta(days=7)
    min_width: timedelta = timedelta(minutes=15)
    list_width: timedelta = timedelta(0)
    made_within: timedelta = timedelta(0)
    ready_within: timedelta = timedelta(hours=6)
    behind: timedelta = timedelta(0)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "windows"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        # Earlier versions kept null if no file was done.
        kept = msgspec.convert({**state, "done": state.get("done") or {}}, ExportState)
        if kept.began is None:
            kept = replace(kept, began=reader.start)
        export, files = reader.pages.spec.export, reader.pages.files
        if not isinstance(export, ExportJob | FileList) or files is None:
            raise ConfigurationError(f"{reader.pages.spec.title} has no 'export', which says where its files are.")
        target = reader.now() - self.settle
        kept = self._taken_back(reader, kept, target)
        if reader.until:
            target = min(reader.until + self.made_within, max(target, reader.until))
        latest = reader.latest if self.behind else target
        kept = yield from self._read_on(reader, kept, min(target, latest), export, files)
        if reader.until and latest < reader.until:
            reader.wait_for_end()
            yield from self._read_on(reader, kept, reader.until, export, files)

    def _taken_back(self, reader: Reader, kept: ExportState, target: datetime) -> ExportState:
        """Return the state without what is in the future, which was kept while the clock was wrong."""
        now = reader.now()
        ends = (kept.window_end, kept.open and kept.open.end)
        if reader.until or not any(end > now for end in ends if end):
            return kept
        # Nobody knows how long ago that was. The newest event read shows it, less the time that rows may be late.
        newest = back_by(kept.newest, self.settle) if kept.newest and kept.newest <= now else kept.began or now
        reached = min(filter(None, (newest, kept.window_end, target)))
        reader.tell(f"the clock was ahead of {text_of(now)}: events after {text_of(reached)} are read again")
        done = {name: made for name, made in kept.done.items() if made <= now}
        return replace(kept, window_end=reached, open=None, done=done)

    def _read_on(
        self, reader: Reader, kept: ExportState, target: datetime, export: ExportJob | FileList, files: FileReader
    ) -> Generator[Step, int, ExportState]:
        """Read span by span up to ``target``."""
        while kept.open or self._is_due(reader, kept, target):
            span = self._again(reader, kept, kept.open) if kept.open else self._next(reader, kept, target)
            if isinstance(export, ExportJob):
                kept = yield from self._by_job(reader, kept, span, export, files)
            else:
                kept = yield from self._by_list(reader, kept, span, export, files)
        return kept

    def _is_due(self, reader: Reader, kept: ExportState, target: datetime) -> bool:
        if kept.window_end is None:
            return not self.behind or reader.start < target
        missing = target - kept.window_end
        return missing > timedelta(0) and (reader.until is not None or missing >= self.min_width)

    def _next(self, reader: Reader, kept: ExportState, target: datetime) -> OpenExport:
        reached = kept.window_end or reader.start
        start = reached
        if kept.window_end and reader.until is None:
            start = max(reached - self.overlap, min(kept.began or reached, reached))
        start = reader.reachable(start, reached)
        # ``window_end`` waits for a file that failed, but later files are read.
        latest = target if kept.failed else min(target, max(start, reached) + self.max_width)
        return OpenExport(start, max(latest, start + timedelta(seconds=1)))

    def _again(self, reader: Reader, kept: ExportState, span: OpenExport) -> OpenExport:
        """Return an open span to continue, without what the vendor no longer serves unless its file is ordered."""
        if span.job:
            return span
        # Everything before its start was read, or reported as lost when it was begun.
        start = reader.reachable(span.start, max(span.start, kept.window_end or span.start))
        return replace(span, start=start, end=max(span.end, start + timedelta(seconds=1)))

    def _by_job(
        self, reader: Reader, kept: ExportState, span: OpenExport, job: ExportJob, files: FileReader
    ) -> Generator[Step, int, ExportState]:
        span, file = yield from self._ready(reader, kept, span, job, files)
        kept, _ = yield from self._rows(reader, replace(kept, open=span), span, file, files)
        kept = replace(kept, window_end=span.end, open=None)
        yield Step((), packed(kept), span.start, kept.window_end)
        return kept

    def _ready(
        self, reader: Reader, kept: ExportState, span: OpenExport, job: ExportJob, files: FileReader
    ) -> Generator[Step, int, tuple[OpenExport, File]]:
        """Order the file, or check the one that was ordered, until it can be downloaded."""
        pause, orders = _FIRST_LOOK, 0
        while True:
            if not span.job:
                if orders == 2:
                    raise UnavailableError(f"{reader.pages.spec.title} created no file for {span.start} to {span.end}.")
                orders += 1
                span = replace(span, job=files.order(job, Window(span.start, span.end)))
            # An earlier version did not keep the time of the order.
            ordered_at = span.ordered_at or reader.now()
            span = replace(span, ordered_at=ordered_at)
            # A step for each look, so that a run can end when its time is over: the next run finds the job kept.
            yield Step((), packed(replace(kept, open=span)), span.start, kept.window_end)
            state = files.look(job, span.job)
            if state.file:
                return span, state.file
            if state.state == "pending" and abs(reader.now() - ordered_at) < self.ready_within:
                files.wait(pause)
                pause = min(pause * 2, _LONGEST_LOOK)
                continue
            reader.tell(f"the export {span.job} failed ({state.said}): ordering it again")
            lost, span = span.job, self._again(reader, kept, replace(span, job="", ordered_at=None))
            if state.state == "pending":
                # The next try orders it, because tries are counted: nothing else ends the waiting of a backfill.
                yield Step((), packed(replace(kept, open=span)), span.start, kept.window_end)
                raise UnavailableError(
                    f"{reader.pages.spec.title} has not completed the export {lost} within {self.ready_within}: the "
                    "next try orders it again."
                )

    def _by_list(
        self, reader: Reader, kept: ExportState, span: OpenExport, listed: FileList, files: FileReader
    ) -> Generator[Step, int, ExportState]:
        kept = self._given_up(reader, replace(kept, open=span), span)
        failure: AuditError | None = None
        paths: dict[str, str] = {}
        for bounds in self._lists(span):
            guard, cursor = LoopGuard(reader.pages.spec.title), ""
            while True:
                page = reader.pages.fetch(bounds, cursor)
                guard.show(page)
                for file in files.files(listed, page.events):
                    # Two files may have the same id. If only the id was kept, it is not known which of them was read,
                    # so the second one is read.
                    key, path, name = _key(file), _path(file.url), _short(file.id)
                    if key in kept.done or (name in kept.done and paths.setdefault(name, path) == path):
                        continue
                    before = reader.pages.records.nameless
                    try:
                        kept, known = yield from self._rows(reader, kept, span, file, files)
                    except WaitError:
                        raise
                    except AuditError as error:
                        reader.tell(f"{error} The other files are read all the same.")
                        failure = failure or error
                        kept = replace(kept, failed={**kept.failed, key: file.created or span.end})
                        yield Step((), packed(kept), span.start, kept.window_end)
                        continue
                    known = min(known, reader.pages.records.nameless - before)
                    if known and reader.until is None:
                        reader.tell(
                            f"{known} rows of the file {file.id} are equal to rows read before: without an id, rows of "
                            f"two files cannot be distinguished, so they are counted once"
                        )
                    failed = {each: made for each, made in kept.failed.items() if each not in (key, name)}
                    kept = replace(kept, done={**kept.done, key: file.created or span.end}, failed=failed)
                    yield Step((), packed(kept), span.start, kept.window_end)
                if not page.more:
                    break
                cursor = page.cursor
        if failure:
            yield Step((), packed(replace(kept, open=None)), span.start, kept.window_end)
            raise failure
        horizon = span.end - 2 * self.overlap
        done = {name: created for name, created in kept.done.items() if created >= horizon}
        kept = replace(kept, window_end=span.end, open=None, done=done)
        yield Step((), packed(kept), span.start, kept.window_end)
        return kept

    def _given_up(self, reader: Reader, kept: ExportState, span: OpenExport) -> ExportState:
        """Return the state without the failed files that are no longer listed; each of them is reported as a gap."""
        gone = {name: made for name, made in kept.failed.items() if made < span.start.replace(microsecond=0)}
        for made in gone.values():
            self._report_lost(reader, made, "could not be read for as long as it was listed")
        return replace(kept, failed={name: made for name, made in kept.failed.items() if name not in gone})

    def _report_lost(self, reader: Reader, created: datetime, why: str) -> None:
        """Report the events of a file that was made at ``created`` as a gap."""
        begin = back_by(created, max(self.made_within, timedelta(seconds=1)))
        reason = f"a file of events of {reader.pages.spec.title} {why}"
        reader.report(Gap(begin, created, reason, "retention", reader.now()))

    def _lists(self, span: OpenExport) -> Iterator[Window]:
        """Yield the time ranges of the requests that list the files of ``span``."""
        # In whole seconds, because bounds are rounded outwards when written, and the limit counts what is written.
        start = span.start.replace(microsecond=0)
        while start < span.end:
            end = min(span.end, start + self.list_width) if self.list_width else span.end
            yield Window(start, end)
            start = end

    def _rows(
        self, reader: Reader, kept: ExportState, span: OpenExport, file: File, files: FileReader
    ) -> Generator[Step, int, tuple[ExportState, int]]:
        """Yield a file's rows; return the state after them, and how many of them were known."""
        known = 0
        # A row without a time gets the middle of its file's span.
        end = max(min(span.end, reader.until), span.start) if reader.until else span.end
        undated = span.start + (end - span.start) / 2
        try:
            for events in files.rows(file, reader.pages.records, undated):
                times = [event.time for event in events]
                since, latest = min((span.start, *times)), max(times, default=None)
                if latest and latest <= reader.now() and (kept.newest is None or latest > kept.newest):
                    kept = replace(kept, newest=latest)
                recorded = [file.created] * len(events) if file.created else None
                known += len(events) - (yield Step(tuple(events), packed(kept), since, kept.window_end, recorded))
        except RefusedError as error:
            if file.expires and error.status in (401, 403):
                right = reader.pages.spec.access or "check the connection's credential and its permissions."
                raise CredentialError(f"{error} {right}") from None
            if file.expires and error.status in _GONE and reader.now() >= file.expires:
                self._report_lost(reader, file.created or span.end, "no longer existed when it was to be read")
                return kept, known
            raise UnavailableError(f"{error} Its link may have expired: the next try requests a new one.") from None
        return kept, known


def _key(file: File) -> str:
    """Return the key under which the state keeps a file."""
    return hashlib.sha256(f"{file.id}\n{_path(file.url)}".encode()).hexdigest()[:24]


def _path(url: str) -> str:
    """Return the path of a file's address, which, unlike its signature, does not change with each list."""
    return urlsplit(url).path


def _short(name: str) -> str:
    """Return a file's id as earlier versions kept it: a long one as a digest, because there may be thousands."""
    return name if len(name) <= _LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()[:24]
