"""Reading one file of events: order it, find it, download it, row by row into events."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError, RefusedError
from audit_provider.core.fields import text_at, value_at
from audit_provider.core.records import time_from
from audit_provider.core.sources.export import ExportJob, FileList
from audit_provider.core.sources.file_content import Content, unpacked
from audit_provider.core.sources.file_rows import MOST_ROW_LETTERS as MOST_ROW_LETTERS  # where others look for them
from audit_provider.core.sources.file_rows import _events as _events
from audit_provider.core.sources.file_rows import _rows as _rows
from audit_provider.core.sources.file_rows import events_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.model import Event, Window
    from audit_provider.core.records import RecordReader
    from audit_provider.core.sources.request import Request
    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.wire.http import Answer, HttpClient
    from audit_provider.core.wire.later import Later

_PART = 64 * 1024
_NO_TEXT = b" \r\n\t\x00\xef\xbb\xbf\xff\xfe"
"""Spaces, ends of lines, and byte order marks."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be downloaded.

    :ivar created: when it was made, :ivar expires: until when it can be downloaded; None where nobody says.
    """

    id: str
    url: str
    created: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobState:
    """How far an export job is. :ivar file: when it is ready."""

    state: Literal["ready", "pending", "lost"]
    file: File | None = None
    said: str = ""


class Api(Protocol):
    """The source's API, which orders files and lists them: its reader of pages."""

    spec: SourceSpec

    def later(self, answer: Answer, /) -> Later | None:
        """Return what an answer means that says "later" in words; None where it does not."""

    def ask(self, request: Request, window: Window | None, *, by_cursor: bool = False) -> Answer:
        """Send a request of the source and return its answer, if it is a good one."""


class FileReader:
    """Reads the files of one source.

    :param api: of the source. :param outside: returns a client without any credential for a base URL.
    """

    def __init__(self, api: Api, client: HttpClient, outside: Callable[[str], HttpClient]) -> None:
        self._api = api
        self._client = client
        self._outside = outside

    @property
    def base_url(self) -> str:
        """Of the API."""
        return self._client.base_url

    @property
    def wait(self) -> Callable[[float], None]:
        """Sleeps some seconds, or refuses to."""
        return self._client.sleep

    def order(self, job: ExportJob, window: Window) -> str:
        """Ask for the events of a window; return the job's id."""
        answer = self._api.ask(job.create, window)
        name = text_at(answer.json(), job.id_at)
        if not name:
            raise ProtocolError(
                f"{answer.where} created an export without an id at {job.id_at!r}: correct 'id_at' of the source's "
                "export."
            )
        return name

    def look(self, job: ExportJob, name: str) -> JobState:
        """Return how far a job is."""
        try:
            answer = self._api.ask(job.status.filled({"job": name}), None, by_cursor=True)
        except RefusedError as error:
            return JobState("lost", said=str(error))
        found = answer.json()
        state, url = text_at(found, job.state_at), text_at(found, job.url_at)
        if state == job.ready:
            if not url:
                raise ProtocolError(
                    f"{answer.where} says that the export is ready but gives no URL at {job.url_at!r}: correct "
                    "'url_at' of the source's export."
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
                raise ProtocolError(f"{self._api.spec.title} lists a file whose entry cannot be read.") from None
            name, url = text_at(entry, shown.id_at), text_at(entry, shown.url_at)
            if not name or not url:
                raise ProtocolError(
                    f"{self._api.spec.title} lists a file without {shown.id_at} or {shown.url_at}: correct 'id_at' "
                    f"and 'url_at' of the source's export."
                )
            expires = time_from(value_at(entry, shown.expires_at)) if shown.expires_at else None
            found.append(File(name, url, time_from(value_at(entry, shown.created_at)), expires))
        return found

    def rows(self, file: File, records: RecordReader, undated: datetime) -> Iterator[list[Event]]:
        """Download a file and yield its events, some at a time.

        A file with another host is fetched without the credential.

        :param undated: the time of rows that show none.
        :raises ProtocolError: it is neither CSV nor JSON, not this file, or too large. :raises RefusedError: it is not
            to be had any more.
        """
        content = Content()
        try:
            answer = self._download(file, content)  # type: ignore[arg-type]
            plain, encoding = unpacked(content, answer.where, self._client.max_file_bytes)
            if plain is not content:
                content.close()
                content = plain
            if not _has_text(content) and getattr(self._api.spec.export, "never_empty", False):
                raise ProtocolError(
                    f"{answer.where} answered {answer.status} with a file without content, although a file is listed "
                    "only for events: the next try requests it again."
                )
            text = io.TextIOWrapper(content, encoding=encoding, errors="replace", newline="")  # type: ignore[type-var]
            yield from events_of(text, records, undated, answer.where)
        finally:
            content.close()

    def _download(self, file: File, sink: BinaryIO) -> Answer:
        """Download a file; where its address leads on to a storage, from there, once and without the credential."""
        base = self._client.base_url
        client, path, url = self.client_of(self.joined(f"{base}/", file.url))
        answer = client.download(path, sink, later=self._api.later)
        if answer.status in _REDIRECTS:
            where, goal = answer.where, answer.headers.get("Location", "")
            if not goal:
                raise ProtocolError(f"{where} answered {answer.status} without saying where the file is.")
            url = self.joined(url, goal)
            if urlsplit(url).hostname == urlsplit(base).hostname or urlsplit(url).scheme == "https":
                client, path, _ = self.client_of(url, is_outside=True)
            else:
                raise ProtocolError(
                    f"{where} redirects to a file at {urlsplit(url).scheme}://{urlsplit(url).hostname}, which is not "
                    "fetched: only https is allowed."
                )
            answer = client.download(path, sink, later=self._api.later)
            if answer.status in _REDIRECTS:
                raise ProtocolError(
                    f"{where} redirects to {answer.where}, which redirects again ({answer.status}): only one redirect "
                    "is followed, so the API must name the address of the file itself."
                )
        if 300 <= answer.status < 400:
            raise ProtocolError(
                f"{answer.where} answered {answer.status} instead of the file, and names no other address."
            )
        if answer.status != 200:
            raise RefusedError(f"{answer.where} answered {answer.status} instead of the file.", status=answer.status)
        return answer

    def joined(self, base: str, url: str) -> str:
        """Return a URL that a service gave, made whole.

        :raises ProtocolError: it is none, or holds a credential.
        """
        try:
            whole = urljoin(base, url)
            parts = urlsplit(whole)
            if parts.port != 0 and parts.username is None:
                return whole
        except ValueError:
            pass
        raise ProtocolError(f"{self._api.spec.title} gave an invalid address for a file.")

    def client_of(self, url: str, *, is_outside: bool = False) -> tuple[HttpClient, str, str]:
        """Return who fetches a URL, its path there, and the URL.

        :raises ConfigurationError: it is on another host, and not https.
        """
        base, target = urlsplit(self._client.base_url), urlsplit(url)
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        if not is_outside and (target.scheme, target.netloc) == (base.scheme, base.netloc):
            return self._client, path, url
        if target.scheme == "https" or (target.scheme, target.hostname) == (base.scheme, base.hostname):
            return self._outside(f"{target.scheme}://{target.netloc}"), path, url
        raise ConfigurationError(
            f"{self._api.spec.title} gave a file at {target.scheme}://{target.hostname}, which is not fetched: only "
            "https is allowed."
        )


def _has_text(content: Content) -> bool:
    """Whether a file holds anything but spaces and empty lines."""
    content.seek(0)
    found = any(part.strip(_NO_TEXT) for part in iter(lambda: content.read(_PART), b""))
    content.seek(0)
    return found
