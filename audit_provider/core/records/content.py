"""The content of a record, independent of its formatting: it decides whether two records are equal.

A vendor may write one event in different ways: with its keys in another order, with other spaces, or with a field that
changes with every answer, such as a link that expires.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.records.fields import keys_of

_ABSENT = object()
_MOST_DEPTH = 20


class Content:
    """Reads the content of a record.

    :param volatile: dotted paths that are ignored, because they change with every answer. In a list, a path applies to
        each item.
    """

    def __init__(self, volatile: Sequence[str] = ()) -> None:
        self._left_out = [keys_of(path) for path in volatile if path]

    def canonical(self, raw: bytes | memoryview | msgspec.Raw) -> bytes:
        """Return a record with its keys sorted, without spaces and without the volatile fields.

        A record that no decoder can read is returned unchanged.
        """
        try:
            found = msgspec.json.decode(raw)
            for keys in self._left_out:
                _remove(found, keys)
            return msgspec.json.encode(found, order="sorted")
        except UNREADABLE:
            # Such as a number out of range, half a surrogate pair, or too much nesting.
            return self._patient(bytes(raw))

    def _patient(self, raw: bytes) -> bytes:
        try:
            found = json.loads(raw, strict=False, parse_int=_number, parse_float=_number, parse_constant=_number)
            for keys in self._left_out:
                _remove(found, keys)
            return json.dumps(found, sort_keys=True).encode()
        except (ValueError, RecursionError):
            return raw

    def is_same(self, one: msgspec.Raw, other: msgspec.Raw) -> bool:
        """Return whether two records have the same content."""
        return bytes(one) == bytes(other) or self.canonical(one) == self.canonical(other)

    def digest(self, raw: bytes | memoryview | msgspec.Raw) -> str:
        """Return the :func:`digest_of` the canonical record."""
        return digest_of(self.canonical(raw))


def digest_of(canonical: bytes) -> str:
    """Return the first half of the SHA-256 of a canonical record, 32 hexadecimal digits, used as its name."""
    return hashlib.sha256(canonical).hexdigest()[:32]


def paths_that_differ(one: bytes | msgspec.Raw, other: bytes | msgspec.Raw) -> list[str]:
    """Return the dotted paths at which two records differ; none if one of them cannot be read."""
    try:
        return list(_differing(msgspec.json.decode(one), msgspec.json.decode(other), ()))
    except UNREADABLE:
        return []


def _differing(one: Any, other: Any, above: tuple[str, ...]) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and len(above) < _MOST_DEPTH:
        for key in dict.fromkeys((*one, *other)):
            yield from _differing(one.get(key, _ABSENT), other.get(key, _ABSENT), (*above, key.replace(".", "\\.")))
    elif one != other:
        yield ".".join(above)


def _number(text: str) -> dict[str, str]:
    """Return a number as it is written, distinguished from a text that looks like it."""
    return {"\0number": text}


def _remove(found: Any, keys: Sequence[str]) -> None:
    if isinstance(found, list):
        for item in found:
            _remove(item, keys)
    elif isinstance(found, dict) and len(keys) == 1:
        found.pop(keys[0], None)
    elif isinstance(found, dict):
        _remove(found.get(keys[0]), keys[1:])
