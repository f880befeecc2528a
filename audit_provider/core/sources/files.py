"""Read one file of events: order it, find it, download it, unpack it by its first bytes, turn its rows into events."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError, RefusedError
from audit_provider.core.records.fields import text_at, value_at
from audit_provider.core.records.times import time_from
from audit_provider.core.sources.export import ExportJob, FileList
from audit_provider.core.sources.file_rows import events_of
from audit_provider.core.text.loose_json import marked_encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.model import Event, Window
    from audit_provider.core.records.events import RecordReader
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

    :ivar created: when it was made. :ivar expires: until when it can be downloaded. None if the vendor does not say.
    """

    id: str
    url: str
    created: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobState:
    """How far an export job is. :ivar file: the file, once it is ready."""

    state: Literal["ready", "pending", "lost"]
    file: File | None = None
    said: str = ""


class Api(Protocol):
    """The source's API, which orders and lists files. The source's reader of pages implements it."""

    spec: SourceSpec

    def later(self, answer: Answer, /) -> Later | None:
        """Return the meaning of an answer whose words say "later"; None if they do not."""

    def ask(self, request: Request, window: Window | None, *, by_cursor: bool = False) -> Answer:
        """Send a request of the source and return its answer if it is good."""


class FileReader:
    """Reads the files of one source.

    :param api: the source's API. :param outside: returns a client without any credential for a base URL.
    """

    def __init__(self, api: Api, client: HttpClient, outside: Callable[[str], HttpClient]) -> None:
        self._api = api
        self._client = client
        self._outside = outside

    @property
    def base_url(self) -> str:
        """The API's base URL."""
        return self._client.base_url

    @property
    def wait(self) -> Callable[[float], None]:
        """The function that sleeps some seconds, or refuses to."""
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

        A file on another host is fetched without the credential.

        :param undated: the time given to rows that show none.
        :raises ProtocolError: it is neither CSV nor JSON, not the expected file, or too large. :raises RefusedError: it
            can no longer be downloaded.
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
        """Download a file. One redirect, for example to a storage, is followed, without the credential."""
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
        """Return a URL that a service gave, as an absolute URL.

        :raises ProtocolError: it is not a valid URL, or holds a credential.
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
        """Return the client that fetches a URL, the URL's path with its query, and the URL.

        :raises ConfigurationError: it is on another host and not https.
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


_IN_MEMORY = 8 * 1024 * 1024
_UNPACKED_PART = 1024 * 1024
_GZIP, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
_MOST_LAYERS = 3
_HEAD = 4096
_OTHERS = {
    b"BZh91AY": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a": "RAR",
    b"PAR1\x15": "Parquet",
    b"Obj\x01": "Avro",
    b"%PDF-": "PDF",
    b"\xd0\xcf\x11\xe0": "an old Office format",
}
_MARKUP = ("<!doctype", "<html", "<head", "<?xml", "<!--")


class Content(tempfile.SpooledTemporaryFile[bytes]):
    """Bytes of a file, in memory while they are few.

    A text wrapper calls these methods, which the base class does not have before Python 3.11.
    """

    def __init__(self) -> None:
        super().__init__(max_size=_IN_MEMORY)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def unpacked(content: Content, where: str, most_bytes: int) -> tuple[Content, str]:
    """Return the text in a file, and its encoding; ``content`` itself if it is not packed.

    gzip, also of several members, and zip with one member are unpacked, also inside each other.

    :param where: the request, for messages. :param most_bytes: limit on the unpacked size.
    :raises ProtocolError: it is something else, too large, or broken.
    """
    for _ in range(_MOST_LAYERS):
        head = _head(content)
        if head.startswith(_GZIP):
            content = _written(_gunzipped(content, where), where, most_bytes)
        elif head.startswith((_ZIP, _EMPTY_ZIP)):
            content = _written(_unzipped(content, where), where, most_bytes)
        else:
            break
    return content, _encoding(_head(content), where)


def _head(content: Content) -> bytes:
    content.seek(0)
    head = content.read(_HEAD)
    content.seek(0)
    return head


def _encoding(head: bytes, where: str) -> str:
    """Return the encoding of a text by its first bytes.

    :raises ProtocolError: it is not text.
    """
    for mark, name in _OTHERS.items():
        if head.startswith(mark):
            raise ProtocolError(
                f"{where} answered with a file that is {name}, which is not supported: request CSV or JSON lines, "
                "plain or in gzip."
            )
    if head.startswith((_GZIP, _ZIP)):
        raise ProtocolError(f"{where} answered with a file that is compressed more than {_MOST_LAYERS} times.")
    encoding = marked_encoding(head) or _unmarked_encoding(head, where)
    if head.decode(encoding, errors="replace").lstrip().lower().startswith(_MARKUP):
        raise ProtocolError(f"{where} answered with a web page or XML instead of the file.")
    return encoding


def _unmarked_encoding(head: bytes, where: str) -> str:
    plain = head[: len(head) // 2 * 2]
    odd, even = plain[1::2].count(0), plain[::2].count(0)
    half = len(plain) // 2
    if half and odd > half * 0.8 and not even:
        return "utf-16-le"
    if half and even > half * 0.8 and not odd:
        return "utf-16-be"
    if b"\0" in head:
        raise ProtocolError(f"{where} answered with a file that is not text: check that it is the file of events.")
    return "utf-8"


def _written(parts: Iterator[bytes], where: str, most_bytes: int) -> Content:
    content, size = Content(), 0
    try:
        for part in parts:
            size += len(part)
            if size > most_bytes:
                raise ProtocolError(
                    f"{where} answered with a file of more than {most_bytes:,} bytes after decompression: request "
                    "files of shorter time ranges."
                )
            content.write(part)
    except BaseException:
        content.close()
        raise
    return content


def _gunzipped(content: Content, where: str) -> Iterator[bytes]:
    opened: zlib._Decompress | None = zlib.decompressobj(31)
    members = 0
    try:
        while data := content.read(_UNPACKED_PART):
            while data:
                if opened is None:
                    data = data.lstrip(b"\0") if members else data
                    if not data:
                        break
                    opened = zlib.decompressobj(31)
                yield opened.decompress(data, _UNPACKED_PART)
                if opened.eof:
                    data, opened, members = opened.unused_data, None, members + 1
                else:
                    data = opened.unconsumed_tail
    except zlib.error:
        raise _broken(where, "gzip") from None
    if opened is not None:
        raise _broken(where, "gzip")


def _unzipped(content: Content, where: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(content) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) != 1:
                raise ProtocolError(
                    f"{where} answered with a zip of {len(members)} files, and it is not known which one has the "
                    "events: only a zip of one file is supported."
                )
            if members[0].flag_bits & 1:
                raise ProtocolError(f"{where} answered with an encrypted zip: request one without a password.")
            with archive.open(members[0]) as member:
                yield from _parts_of(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        raise _broken(where, "zip") from None


def _parts_of(member: IO[bytes]) -> Iterator[bytes]:
    while part := member.read(_UNPACKED_PART):
        yield part


def _broken(where: str, kind: str) -> ProtocolError:
    return ProtocolError(
        f"{where} answered with a {kind} file that is damaged or cut off: the next try requests it again."
    )
