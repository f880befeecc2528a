"""Reads the body of an HTTP/1.1 request, and refuses what a server refuses.

https://www.rfc-editor.org/rfc/rfc9112#section-6
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase

_LONGEST_LINE = 65_536


class MalformedRequestError(Exception):
    """Where the request ends is not known. :ivar status: of the answer, after which the connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_body(headers: Message, stream: BufferedIOBase) -> bytes | None:
    """Return the body of a request, or None if the client ends within it.

    :param headers: of the request. :param stream: what follows them.
    :raises MalformedRequestError: its length is not known.
    """
    lengths, coding = headers.get_all("Content-Length", []), headers.get("Transfer-Encoding")
    if coding is not None:
        if lengths:
            raise MalformedRequestError(400, "both a length and a transfer coding")
        if coding.lower() != "chunked":
            raise MalformedRequestError(501, "an unknown transfer coding")
        return _chunks(stream)
    if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]+", each) for each in lengths):
        raise MalformedRequestError(400, "not one length")
    length = int(lengths[0]) if lengths else 0
    body = stream.read(length)
    return body if len(body) == length else None


def _chunks(stream: BufferedIOBase) -> bytes | None:
    content = bytearray()
    while True:
        line = stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            return None
        digits = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", digits):
            raise MalformedRequestError(400, "the size of a chunk is none")
        size = int(digits, 16)
        if size == 0:
            break
        piece = stream.read(size + 2)
        if len(piece) < size + 2:
            return None
        if not piece.endswith(b"\r\n"):
            raise MalformedRequestError(400, "a chunk is longer than its size")
        content += piece[:-2]
    while stream.readline(_LONGEST_LINE) not in (b"\r\n", b"\n", b""):
        pass  # trailers say nothing about events
    return bytes(content)
