"""Reading one file of events: order it, find it, download it, row by row into events."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, BinaryIO, Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError, RefusedError
from audit_provider.core.fields import text_at, value_at
from audit_provider.core.records import time_from
from audit_provider.core.sources.export import ExportJob, FileList

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.http import Answer, HttpClient
    from audit_provider.core.model import Event, Window
    from audit_provider.core.records import RecordReader
    from audit_provider.core.sources.pages import PageReader

ROWS = 1000
"""Rows that are turned into events at a time."""

MOST_ROW_LETTERS = 16 * 1024 * 1024
"""Of one row of a file, as it is written; a longer one is refused."""

_IN_MEMORY = 8 * 1024 * 1024
csv.field_size_limit(MOST_ROW_LETTERS)


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be downloaded. :ivar created: when it was made, None where nobody says."""

    id: str
    url: str
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobState:
    """How far an export job is. :ivar file: when it is ready."""

    state: Literal["ready", "pending", "lost"]
    file: File | None = None
    said: str = ""


class FileReader:
    """Reads the files of one source.

    :param pages: asks the API. :param outside: returns a client without any credential for a base URL.
    """

    def __init__(self, pages: PageReader, client: HttpClient, outside: Callable[[str], HttpClient]) -> None:
        self._pages = pages
        self._client = client
        self._outside = outside

    @property
    def wait(self) -> Callable[[float], None]:
        """Sleeps some seconds, or refuses to."""
        return self._client.sleep

    def order(self, job: ExportJob, window: Window) -> str:
        """Ask for the events of a window; return the job's id."""
        answer = self._pages.ask(job.create, window)
        name = text_at(answer.json(), job.id_at)
        if not name:
            raise ProtocolError(
                f"{answer.where} made an export without an id at {job.id_at!r}: correct 'id_at' of the source's export."
            )
        return name

    def look(self, job: ExportJob, name: str) -> JobState:
        """Return how far a job is."""
        try:
            answer = self._pages.ask(job.status.filled({"job": name}), None, by_cursor=True)
        except RefusedError as error:
            return JobState("lost", said=str(error))
        found = answer.json()
        state, url = text_at(found, job.state_at), text_at(found, job.url_at)
        if state == job.ready:
            if not url:
                raise ProtocolError(
                    f"{answer.where} says the export is ready and gives no URL at {job.url_at!r}: correct 'url_at' of "
                    f"the source's export."
                )
            return JobState("ready", File(name, url))
        return JobState("pending" if state in job.pending else "lost", said=f"its state is {state!r}")

    def files(self, shown: FileList, records: tuple[Event, ...]) -> list[File]:
        """Return the files that a page of the list names."""
        found = []
        for record in records:
            try:
                entry = msgspec.json.decode(record.raw)
            except UNREADABLE:
                raise ProtocolError(f"{self._pages.spec.title} lists a file whose entry cannot be read.") from None
            name, url = text_at(entry, shown.id_at), text_at(entry, shown.url_at)
            if not name or not url:
                raise ProtocolError(
                    f"{self._pages.spec.title} lists a file without {shown.id_at} or {shown.url_at}: correct 'id_at' "
                    f"and 'url_at' of the source's export."
                )
            found.append(File(name, url, time_from(value_at(entry, shown.created_at))))
        return found

    def rows(self, file: File, records: RecordReader, undated: datetime) -> Iterator[list[Event]]:
        """Download a file and yield its events, some at a time.

        A file with another host is fetched without the credential.

        :param undated: the time of rows that show none.
        :raises ProtocolError: it is not CSV, or too large, or a row of it is. :raises RefusedError: it is not to be
            had any more.
        """
        with _Content(max_size=_IN_MEMORY) as content:
            answer = self._download(file, content)  # type: ignore[arg-type]
            content.seek(0)
            text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="replace", newline="")  # type: ignore[type-var]
            yield from _events(_rows(text, answer.where), records, undated, answer.where)

    def _download(self, file: File, sink: BinaryIO) -> Answer:
        try:
            target = urlsplit(urljoin(f"{self._client.base_url}/", file.url))
            _ = target.port
        except ValueError:
            raise ProtocolError(f"{self._pages.spec.title} gave a file at an address that is none.") from None
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        base = urlsplit(self._client.base_url)
        if (target.scheme, target.netloc) == (base.scheme, base.netloc):
            answer = self._client.download(path, sink, later=self._pages.later)
        elif target.scheme == "https" or (target.scheme, target.hostname) == (base.scheme, base.hostname):
            answer = self._outside(f"{target.scheme}://{target.netloc}").download(path, sink, later=self._pages.later)
        else:
            raise ConfigurationError(
                f"{self._pages.spec.title} gave a file at {target.scheme}://{target.hostname}, which is not fetched: "
                f"only https is."
            )
        if answer.status != 200:
            raise RefusedError(f"{answer.where} answered {answer.status} instead of the file.", status=answer.status)
        if answer.headers.get("Content-Type", "").split(";")[0] == "text/html":
            raise ProtocolError(f"{answer.where} answered with a web page instead of the file.")
        return answer


class _Content(tempfile.SpooledTemporaryFile[bytes]):
    """The content of a file. Before Python 3.11 its base has nothing to say when a text wrapper asks what it can."""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _rows(text: io.TextIOBase, where: str) -> Iterator[tuple[list[str], int]]:
    """Yield each row, and how many letters it took."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        while line := text.readline(MOST_ROW_LETTERS + 1):
            taken += len(line)
            if taken > MOST_ROW_LETTERS:
                raise ProtocolError(
                    f"{where} answered with a file whose row has more than {MOST_ROW_LETTERS:,} letters: check that it "
                    f"is CSV, and that its quotes are closed."
                )
            yield line

    for row in csv.reader(lines()):
        yield row, taken
        taken = 0


def _chunks(rows: Iterator[tuple[list[str], int]]) -> Iterator[list[list[str]]]:
    """Yield some rows at a time, fewer where they are long."""
    chunk: list[list[str]] = []
    letters = 0
    for row, taken in rows:
        chunk.append(row)
        letters += taken
        if len(chunk) >= ROWS or letters >= _IN_MEMORY:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _events(
    rows: Iterator[tuple[list[str], int]], records: RecordReader, undated: datetime, where: str
) -> Iterator[list[Event]]:
    try:
        first = next(rows, None)
        if first is None:
            return
        header = _columns(first[0])
        same: Counter[str] = Counter()
        for chunk in _chunks(rows):
            raws = [msgspec.Raw(msgspec.json.encode(_record(header, row))) for row in chunk if row]
            yield records.events(raws, undated, where, same=same)[0]
    except csv.Error as error:
        raise ProtocolError(f"{where} answered with a file that is not CSV ({error}).") from None


def _columns(header: list[str]) -> list[str]:
    """Return the columns' names; one without a name, or with another's, is called by its number."""
    return [
        name if name and name not in header[: number - 1] else f"column_{number}"
        for number, name in enumerate(header, 1)
    ]


def _record(header: list[str], row: list[str]) -> dict[str, str]:
    """Return a row by its columns; a cell too many is kept under its number."""
    if len(row) == len(header):
        return dict(zip(header, row, strict=True))
    pairs = zip_longest(header, row)
    return {name if name is not None else f"column_{n}": cell or "" for n, (name, cell) in enumerate(pairs, 1)}
