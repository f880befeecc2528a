"""Texts that begin with a byte order mark, which determines their encoding."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked_encoding(begin: bytes) -> str:
    """Return the encoding that a mark at the beginning of a text names, "" where there is no mark."""
    return next((name for mark, name in _MARKS if begin.startswith(mark)), "")


def as_utf8(body: bytes) -> bytes:
    """Return a text with a byte order mark in UTF-8 without it; any other body as it is.

    What is no character becomes U+FFFD.
    """
    encoding = marked_encoding(body)
    if encoding == "utf-8-sig":
        return body[len(codecs.BOM_UTF8) :]
    return body.decode(encoding, errors="replace").encode() if encoding else body
