"""A service's answer: its body, received within limits of size and time, and how it is read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from urllib3.exceptions import ReadTimeoutError

from audit_provider.core.errors import UNREADABLE, ProtocolError, UnavailableError
from audit_provider.core.text.loose_json import BrokenError, as_utf8, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

T = TypeVar("T")

ENCODINGS = "gzip, deflate"
"""The encodings that are requested, because they can be decompressed within a limit."""

MOST_LINE_BYTES = 16 * 1024 * 1024
"""Most bytes of one line of an answer that does not end; a longer line is refused."""

_READ_BYTES = 1024 * 1024
_GZIP, _ZLIB, _BARE = 31, 15, -15  # zlib's window bits


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for one answer.

    :ivar size: most bytes, decompressed. :ivar seconds: most seconds from the first byte of the body to its last.
    :ivar advice: what to do about a larger answer; the end of a sentence.
    """

    size: int
    seconds: float
    advice: str


def parts_of(response: requests.Response, where: str, bounds: Bounds, clock: Callable[[], float]) -> Iterator[bytes]:
    """Yield a body, decompressed, in parts of at most a megabyte.

    :param where: the request, for messages.
    :param clock: seconds of a monotonic clock.
    :raises ProtocolError: it is larger than the bound, or compressed in a way that was not requested.
    :raises UnavailableError: it takes too long, or ends before it is complete.
    """
    end = clock() + bounds.seconds
    size = 0
    for part in _decompressed(_received(response), response.headers.get("Content-Encoding", ""), where):
        size += len(part)
        if size > bounds.size:
            raise ProtocolError(f"{where} answered with more than {bounds.size:,} bytes: {bounds.advice}")
        if clock() > end:
            raise UnavailableError(
                f"{where} was still sending its answer after {bounds.seconds:.0f} s: the service or the network is too "
                "slow."
            )
        yield part


def lines_of(
    response: requests.Response, where: str, *, quiet: float, longest: float, clock: Callable[[], float]
) -> Iterator[list[bytes]]:
    """Yield the whole lines of a body that does not end, as they come; empty lines are left out.

    An empty list is the last one and means that there is nothing more for now. Without it, there may be more.

    :param where: the request, for messages. :param quiet: seconds without a line after which nothing more is expected.
    :param longest: seconds after which no more is read. :param clock: seconds of a monotonic clock.
    :raises ProtocolError: a line is longer than allowed. :raises UnavailableError: the compressed body is cut off.
    """
    last = begun = clock()
    rest = b""
    parts = _decompressed(_received(response), response.headers.get("Content-Encoding", ""), where)
    while clock() - begun < longest:
        try:
            part = next(parts, None)
        except ReadTimeoutError:
            yield []
            return
        *lines, rest = [rest] if part is None else (rest + part).split(b"\n")
        if part is None and rest.strip():
            # The service has ended its answer itself, so the last line is whole.
            lines, rest = [rest], b""
        if len(rest) > MOST_LINE_BYTES:
            raise ProtocolError(f"{where} sent a line of more than {MOST_LINE_BYTES:,} bytes.")
        if whole := [line for each in lines if (line := each.strip())]:
            last = clock()
            yield whole
        if part is None or clock() - last >= quiet:
            yield []
            return


def _received(response: requests.Response) -> Iterator[bytes]:
    # One network read at a time: waiting for a full megabyte may take for ever, if a byte comes each minute.
    read = getattr(response.raw, "read1", response.raw.read)
    while part := read(_READ_BYTES, decode_content=False):
        yield part


def _decompressed(parts: Iterator[bytes], encoding: str, where: str) -> Iterator[bytes]:
    kind = encoding.strip().lower()
    if kind in ("", "identity", "none"):
        yield from parts
    elif kind in ("gzip", "x-gzip", "deflate"):
        try:
            yield from _inflated(parts, is_gzip=kind != "deflate", where=where)
        except zlib.error:
            raise ProtocolError(
                f"{where} answered with a body that is labelled {kind} but is not: check proxies in between."
            ) from None
    else:
        raise ProtocolError(
            f"{where} answered with a Content-Encoding other than {ENCODINGS}, although only these were requested: "
            "check proxies in between."
        )


def _inflated(parts: Iterator[bytes], *, is_gzip: bool, where: str) -> Iterator[bytes]:
    opened, members, data = None, 0, b""
    for received in parts:
        data = received
        # An empty part is yielded too, so that the deadline is checked while nothing is decompressed.
        yield b""
        while data:
            if opened is None:
                opened = zlib.decompressobj(_GZIP if is_gzip else _ZLIB if _has_header(data) else _BARE)
            try:
                out = opened.decompress(data, _READ_BYTES)
            except zlib.error:
                if members:
                    return  # padding after the last member
                raise
            data = opened.unconsumed_tail
            if opened.eof:
                data, opened, members = opened.unused_data, None, members + 1
                if not is_gzip:
                    data = b""
            if out:
                yield out
        if members and not is_gzip:
            return
    while opened is not None and (out := opened.decompress(b"", _READ_BYTES)):
        yield out
    if opened is not None and not opened.eof:
        raise UnavailableError(f"{where} ended its answer in the middle of a compressed body.")


def _has_header(data: bytes) -> bool:
    """Whether deflated data begins with zlib's header, which the standard requires and some servers omit."""
    return data[0] & 0x0F == 8 and (len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0)


_WORDS_SHOWN = 80
_HEAD_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's complete answer.

    :ivar where: Method, host and path, for error messages. Never the query.
    :ivar redact: Removes secrets from quoted parts of the answer.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    where: str
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    def json(self) -> Any:
        """Return the body decoded from JSON; usual mistakes of programs and a byte order mark are accepted.

        :raises ProtocolError: it is something else, such as a proxy's HTML page.
        """
        try:
            return self.decoded(msgspec.json.decode)
        except msgspec.ValidationError:  # a number of too many digits
            raise ProtocolError(self.not_json()) from None

    def decoded(self, decode: Callable[[bytes], T]) -> T:
        """Return the body as a JSON decoder decodes it; accepts the same as :meth:`json`.

        Stores quote what they were sent. If that contains half of a surrogate pair, their answer is not strict JSON.

        :raises msgspec.ValidationError: it is JSON of another shape. :raises ProtocolError: it is something else.
        """
        body = as_utf8(self.body)
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise
        except UNREADABLE:
            pass
        try:
            return decode(rewritten(body).text)
        except msgspec.ValidationError:
            raise
        except (BrokenError, *UNREADABLE):
            raise ProtocolError(self.not_json()) from None

    @property
    def is_web_page(self) -> bool:
        """Whether the body is a web page, as proxies and login pages send it."""
        return b"<html" in self.body[:2000].lower() or self._kind == "text/html"

    def web_page(self) -> str:
        """Return ``a web page titled '…'``."""
        title = re.search(rb"<title[^>]{0,200}>([^<]+)", self.body[:_HEAD_BYTES], re.IGNORECASE)
        said = self.redact(title[1].decode(errors="replace")).strip()[:_WORDS_SHOWN] if title else ""
        return f"a web page titled {said!r}" if said else "a web page"

    @property
    def _kind(self) -> str:
        return self.redact(self.headers.get("Content-Type", "no content type").split(";")[0])[:_WORDS_SHOWN]

    def not_json(self) -> str:
        """Return the sentence for a body that is not JSON."""
        if self.is_web_page:
            return (
                f"{self.where} answered {self.status} with {self.web_page()} instead of JSON: check the connection's "
                "host, and whether a proxy or a login page is in between."
            )
        return (
            f"{self.where} answered {self.status} with {len(self.body)} bytes of {self._kind} that are not JSON: check "
            "that the connection's host is the API's address."
        )
