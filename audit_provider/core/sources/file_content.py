"""What a downloaded file holds, by its first bytes and never by what it is called: unpacked, and proven to be text."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from audit_provider.core.errors import ProtocolError
from audit_provider.core.loose_json import marked_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

_IN_MEMORY = 8 * 1024 * 1024
_PART = 1024 * 1024
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

    Before Python 3.11 its base has nothing to say when a text wrapper asks what it can.
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
    """Return the text in a file, and its encoding; ``content`` itself where nothing has to be unpacked.

    gzip, also of several members, and zip with one member are unpacked, also inside each other.

    :param where: the request, for messages. :param most_bytes: of what comes out.
    :raises ProtocolError: it is something else, or too large, or broken.
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

    :raises ProtocolError: it is no text.
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
        while data := content.read(_PART):
            while data:
                if opened is None:
                    data = data.lstrip(b"\0") if members else data
                    if not data:
                        break
                    opened = zlib.decompressobj(31)
                yield opened.decompress(data, _PART)
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
    while part := member.read(_PART):
        yield part


def _broken(where: str, kind: str) -> ProtocolError:
    return ProtocolError(
        f"{where} answered with a {kind} file that is damaged or cut off: the next try requests it again."
    )
