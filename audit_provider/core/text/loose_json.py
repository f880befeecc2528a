"""Reads the invalid JSON that programs write by mistake, if its meaning is clear, and repairs it.

In addition to JSON it reads ``NaN`` and ``Infinity``, Python's ``True``, ``False`` and ``None``, numbers with a leading
zero or plus, control characters and unknown escapes in texts, halves of surrogate pairs, bytes that are not UTF-8, keys
without quotes, a comma after the last value, and nesting of any depth. Nothing here recurses, and the time is linear in
the text. The known packages for such JSON recurse, decode the whole text, and cannot return parts of it unchanged.

A byte order mark before a text determines the encoding of any text.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from audit_provider.core.errors import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked_encoding(begin: bytes) -> str:
    """Return the encoding that a text's byte order mark indicates; "" if there is no mark."""
    return next((name for mark, name in _MARKS if begin.startswith(mark)), "")


def as_utf8(body: bytes) -> bytes:
    """Return a body that has a byte order mark as UTF-8 without the mark; any other body unchanged.

    Bytes that are not valid in the marked encoding become U+FFFD.
    """
    encoding = marked_encoding(body)
    if encoding == "utf-8-sig":
        return body[len(codecs.BOM_UTF8) :]
    return body.decode(encoding, errors="replace").encode() if encoding else body


MOST_DEPTH = 64
"""Levels of nesting that are kept if a record is rewritten; a value nested deeper becomes a text."""

SPACE = b" \t\n\r\f\v"

OPEN, CLOSE, COMMA, KEY, TEXT, WORD, DEEP = range(7)
"""Kinds of tokens. ``TEXT``, ``WORD`` and ``DEEP`` are values, ``KEY`` is the key of one. ``DEEP`` is a whole list or
object right below :data:`MOST_DEPTH`; only its end is determined."""

Token = tuple[int, int, int, int]
"""The kind of a token, its start and end, and how many levels are open after it (for ``DEEP``: inside it)."""

_TOKEN = re.compile(rb'[ \t\n\r\f\v]*(?:([\[{])|([\]}])|([:,])|("[^"\\]*")|(")|([^ \t\n\r\f\v\[\]{}:,"]+))')
_OPENED, _CLOSED, _MARK, _PLAIN_TEXT, _TEXT_BEGUN, _BARE = range(1, 7)
_INSIDE = re.compile(rb'[^"\\]*(?:\\[\s\S][^"\\]*){0,500}')  # in parts, because backtracking state takes memory
_NUMBER = re.compile(rb"([+-]?)(?:([0-9]+)(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?")
_JSON_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_SPACES = re.compile(rb"[ \t\n\r\f\v]*")
_BARE_KEY = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$.@-]*")
_CONSTANTS = frozenset({b"true", b"false", b"null"})
_OTHER_CONSTANTS = {b"True": b"true", b"False": b"false", b"None": b"null", b"undefined": b"null"}
_BAD_IN_TEXT = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"  # what JSON knows
    r"|\\x(?P<code>[0-9a-fA-F]{2})|(?P<quote>\\')|(?P<lone>\\)|(?P<control>[\x00-\x1f])"
)
_BRACES = {0x5D: 0x5B, 0x7D: 0x7B}
_DEEPER = re.compile(rb"\[+|\{|(\]+|\})|(\")")
_LIST, _OBJECT = 0x5B, 0x7B
_VALUE, _FIRST_ITEM, _NAME, _COLON, _AFTER = range(5)

_encode = msgspec.json.Encoder().encode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


_LONGEST_WHOLE = 18


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else digits


def _number(written: str) -> float | str:
    number = float(written)
    return number if math.isfinite(number) else written


def value_of(text: bytes | msgspec.Raw) -> Any:
    """Return the value of a JSON text; a number that Python cannot hold becomes a text.

    :raises ValueError: it is not JSON. :raises RecursionError: it is nested too deeply.
    """
    return json.loads(bytes(text), parse_int=_whole_number, parse_float=_number)


class BrokenError(ValueError):
    """A text is not JSON, even if it is read tolerantly.

    :ivar place: Where the error was found, in bytes from the beginning of the text.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f"it is broken at byte {place:,}")
        self.place = place


class Rewritten(NamedTuple):
    """A text as JSON.

    :ivar why: What was not valid; empty if everything was.
    """

    text: bytes
    why: tuple[str, ...]


def is_strict(text: bytes | memoryview, *, is_utf8: bool) -> bool:
    """Return whether a text is strictly JSON. :param is_utf8: it is already known to be UTF-8."""
    try:
        if not is_utf8:
            bytes(text).decode()
        _decode_raw(text)
    except UNREADABLE:
        return False
    return True


def key_from(written: bytes) -> str:
    """Return the key that a ``KEY`` token represents."""
    try:
        found = json.loads(written.decode(errors="replace"), strict=False)
    except ValueError:
        return written.strip(b'"').decode(errors="replace")
    return str(found)


def past_space(text: bytes, place: int) -> int:
    """Return the next place that is not white space."""
    found = _SPACES.match(text, place)
    return found.end() if found else place


def tokens(text: bytes, place: int, open_objects: int = 0) -> Iterator[Token]:
    """Yield the tokens of one value, without colons.

    :param place: where to begin. :param open_objects: if not 0, begin after a value inside of so many nested objects,
        and end where the outermost of them is closed.
    :raises BrokenError: there is no complete value.
    """
    if open_objects:
        state, opened = _AFTER, bytearray([_OBJECT]) * open_objects
    else:
        state, opened = _VALUE, bytearray()
    match = _TOKEN.match
    while True:
        found = match(text, place)
        if found is None:
            raise BrokenError(len(text))
        what = found.lastindex
        start, place = found.span(what or 0)
        if what == _TEXT_BEGUN:
            place = _end_of_text(text, place)
        if state == _AFTER:
            if what == _MARK and text[start] == 0x2C:
                yield COMMA, start, place, len(opened)
                state = _NAME if opened[-1] == _OBJECT else _FIRST_ITEM
                continue
            if what != _CLOSED:
                raise BrokenError(start)
        elif state == _COLON:
            if what != _MARK or text[start] != 0x3A:
                raise BrokenError(start)
            state = _VALUE
            continue
        elif state == _NAME:
            if what in (_PLAIN_TEXT, _TEXT_BEGUN) or (what == _BARE and _BARE_KEY.fullmatch(text, start, place)):
                yield KEY, start, place, len(opened)
                state = _COLON
                continue
            if what != _CLOSED:
                raise BrokenError(start)
        if what == _CLOSED:
            if state == _VALUE or opened[-1] != _BRACES[text[start]]:
                raise BrokenError(start)
            opened.pop()
            yield CLOSE, start, place, len(opened)
        elif what == _OPENED and len(opened) >= MOST_DEPTH:
            place, depth = _past_deep(text, start)
            yield DEEP, start, place, len(opened) + depth
        elif what == _OPENED:
            opened.append(text[start])
            yield OPEN, start, place, len(opened)
            state = _NAME if text[start] == _OBJECT else _FIRST_ITEM
            continue
        elif what in (_PLAIN_TEXT, _TEXT_BEGUN):
            yield TEXT, start, place, len(opened)
        elif what == _BARE and _is_word(text, start, place):
            yield WORD, start, place, len(opened)
        else:
            raise BrokenError(start)
        if not opened:
            return
        state = _AFTER


def rewritten(text: bytes) -> Rewritten:
    """Return a text as JSON; valid parts are kept byte for byte.

    ``NaN``, ``Infinity`` and numbers with a leading zero become texts, because no JSON number is equal to them.
    ``\\'`` and ``\\x41`` are read as in JavaScript; the backslash of any other unknown escape is kept. Invalid
    characters become U+FFFD. A value nested deeper than :data:`MOST_DEPTH` becomes a text that contains it unchanged.

    :raises BrokenError: there is no complete value, or something follows it.
    """
    parts: list[bytes] = []
    why: dict[str, None] = {}
    done = reached = 0
    comma: tuple[int, int] | None = None
    for kind, start, end, _ in tokens(text, 0):
        said, new, reached = "", b"", end
        if kind == WORD:
            said, new = _word(text[start:end])
        elif kind in (KEY, TEXT):
            said, new = _text(text[start:end])
        elif kind == DEEP:
            said, new = f"more than {MOST_DEPTH} levels of nesting", _as_text(text[start:end])
        elif kind == CLOSE and comma:
            said, (start, end) = "a comma after the last value", comma
        if said:
            why[said] = None
            parts += (text[done:start], new)
            done = end
        comma = (start, end) if kind == COMMA else None
    if text[reached:].strip(SPACE):
        raise BrokenError(reached)
    parts.append(text[done:])
    return Rewritten(b"".join(parts), tuple(why))


def decoded(text: bytes) -> Any:
    """Return the value of a text, rewritten first if a strict decoder refuses it, such as half a surrogate pair.

    :raises BrokenError: there is no complete value, or something follows it.
    """
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return value_of(rewritten(text).text)


def _end_of_text(text: bytes, place: int) -> int:
    """Return the end of a quoted text. :param place: after the quote that begins it."""
    while (found := _INSIDE.match(text, place)) and place < len(text):
        place = found.end()
        if text[place : place + 1] == b'"':
            return place + 1
        if len(text) - place < 2:
            break
    raise BrokenError(len(text))


def _past_deep(text: bytes, place: int) -> tuple[int, int]:
    """Return the end of a list or object, and its number of levels. Adjacent brackets are counted in one step."""
    opened, deepest = bytearray(), 0
    while found := _DEEPER.search(text, place):
        start, place = found.span()
        if found[2]:
            place = _end_of_text(text, place)
        elif not found[1]:
            opened += text[start:place]
            deepest = max(deepest, len(opened))
        else:
            # Close no more than is open here: a further bracket may close something around this value.
            count = min(place - start, len(opened))
            place = start + count
            if opened[-count:] != bytes([_BRACES[text[start]]]) * count:
                raise BrokenError(start)
            del opened[-count:]
            if not opened:
                return place, deepest
    raise BrokenError(len(text))


def _is_word(text: bytes, start: int, end: int) -> bool:
    if _NUMBER.fullmatch(text, start, end):
        return True
    word = text[start:end] if end - start <= 12 else b""
    return word in _CONSTANTS or word in _OTHER_CONSTANTS or bool(_NO_NUMBER.fullmatch(word))


def _word(word: bytes) -> tuple[str, bytes]:
    """Return what is wrong with a bare word ("" if nothing is), and the word as JSON."""
    if word in _CONSTANTS or _JSON_NUMBER.fullmatch(word):
        return "", word
    if word in _OTHER_CONSTANTS:
        return "a constant of another language", _OTHER_CONSTANTS[word]
    found = _NUMBER.fullmatch(word)
    if found is None:
        return "NaN or Infinity", b'"' + word + b'"'
    sign, whole, rest, bare, power = (part or b"" for part in found.groups())
    if len(whole) > 1 and whole.startswith(b"0"):
        return "a number with leading zeros", b'"' + word + b'"'
    fraction = b"" if rest == b"." else rest or bare
    return "a number that is not valid JSON", sign.strip(b"+") + (whole or b"0") + fraction + power


def _text(quoted: bytes) -> tuple[str, bytes]:
    """Return what is wrong with a text ("" if nothing is), and the text as JSON."""
    if quoted[:1] != b'"':
        return "a key without quotes", b'"' + quoted + b'"'
    if is_strict(quoted, is_utf8=False):
        return "", quoted
    why: list[str] = []

    def mended(found: re.Match[str]) -> str:
        if found["half"]:
            why.append("half a surrogate pair")
            return "\\ufffd"
        if found["code"]:
            why.append("unknown escapes")
            return _encode(chr(int(found["code"], 16))).decode()[1:-1]
        if found["quote"]:
            why.append("unknown escapes")
            return "'"
        if found["lone"]:
            why.append("unknown escapes")
            return "\\\\"
        if found["control"]:
            why.append("control characters")
            return _encode(found["control"]).decode()[1:-1]
        return found[0]

    inner = quoted[1:-1].decode(errors="replace")
    text = _BAD_IN_TEXT.sub(mended, inner).encode()
    return why[0] if why else "bytes that are not UTF-8", b'"' + text + b'"'


def _as_text(value: bytes) -> bytes:
    """Return a JSON text that contains a value unchanged."""
    return _encode(value.decode(errors="replace"))
