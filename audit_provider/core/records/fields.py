"""Reads the values at the dotted paths of a JSON object without decoding the rest.

A dot leads into an object. If a path finds nothing, one key of the path may itself contain dots, as in
``@odata.nextLink`` and ``meta.@odata.nextLink``. A path with a backslash before a dot is taken exactly as written.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.model import Fields

ABSENT = msgspec.UNSET
"""The value at a path that the record does not have."""

_DOT = re.compile(r"(?<!\\)\.")
_MOST_DIGITS = 18
_NO_OBJECT = str | int | float | bool


def keys_of(path: str) -> list[str]:
    """Return the keys of a dotted path; a backslash marks a dot that is part of a key, as in ``error.\\.tag``."""
    return [key.replace("\\.", ".") for key in _DOT.split(path)] if path else []


def paths_of(written: str) -> tuple[str, ...]:
    """Return the paths of a field, in order of preference; ``|`` separates them."""
    return tuple(filter(None, map(str.strip, written.split("|"))))


def parts_of(path: str) -> tuple[str, ...]:
    """Return the paths whose values are joined to one; `` + `` separates them, as in ``time + sequence``."""
    return tuple(filter(None, map(str.strip, path.split(" + "))))


def all_paths_of(written: str) -> tuple[str, ...]:
    """Return every path that a field names, including each of those that are joined to one value."""
    return tuple(part for path in paths_of(written) for part in parts_of(path))


@functools.lru_cache(maxsize=4096)
def ways_of(keys: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the sequences of keys that a path may mean, in the order in which they are tried.

    First, no key contains a dot. Then one key contains dots, the longest such key first. If a key already contains a
    dot, it was written with a backslash, and the path has only this meaning.
    """
    if any("." in key for key in keys):
        return (keys,)
    joined = [
        (*keys[:begin], ".".join(keys[begin : begin + size]), *keys[begin + size :])
        for size in range(len(keys), 1, -1)
        for begin in range(len(keys) - size + 1)
    ]
    return (keys, *joined)


def value_at(record: Any, path: str) -> Any:
    """Return the value at a dotted ``path``, or None if a part of the path is absent.

    A number is an index in a list, as in ``errors.0.code``.
    """
    for keys in ways_of(tuple(keys_of(path))):
        found = _value_behind(record, keys)
        if found is not None:
            return found
    return None


def _value_behind(record: Any, keys: Iterable[str]) -> Any:
    for key in keys:
        if isinstance(record, dict):
            record = record.get(key)
        elif isinstance(record, list) and key.isdecimal() and int(key) < len(record):
            record = record[int(key)]
        else:
            return None
    return record


def text_at(record: Mapping[str, Any], path: str) -> str:
    """Return the value at a dotted ``path`` as text; "" if it is absent, null or not a scalar."""
    return text_of_scalar(value_at(record, path)) if path else ""


def text_of_scalar(value: Any) -> str:
    """Return a JSON scalar as text; "" for null, true, false, and values that are not scalars."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def is_absent(value: Any) -> bool:
    """Return whether a field has no value: it is absent, null, false or an empty text."""
    return value is msgspec.UNSET or value is None or value is False or value == ""


def whole_number(text: str) -> int | None:
    """Return the number that decimal digits represent; None for any other text, or for more digits than a count has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def getter_of(path: str) -> Callable[[Any], Any]:
    """Return a function from what :func:`shape_of` decodes to the value at ``path``, ``UNSET`` if it is absent."""
    if not path:
        return lambda _: msgspec.UNSET
    if any(key.isdecimal() for key in keys_of(path)):
        return _indexed_getter_of(path)
    names, *others = ([_attribute(key) for key in keys] for keys in ways_of(tuple(keys_of(path))))
    if not others and len(names) == 1:
        # Every object that the shape decodes to has this attribute, even if the key is absent.
        return attrgetter(*names)

    def get(root: Any) -> Any:
        found = root
        for name in names:
            found = getattr(found, name, msgspec.UNSET)
        if found is not msgspec.UNSET and found is not None:
            return found
        for other in others:
            value = root
            for name in other:
                value = getattr(value, name, msgspec.UNSET)
            if value is not msgspec.UNSET and (found is msgspec.UNSET or value is not None):
                return value
        return found

    return get


def first_getter_of(written: str) -> Callable[[Any], Any]:
    """Return a function like that of :func:`getter_of`, for paths in order of preference."""
    getters = [getter_of(path) for path in paths_of(written)]
    if len(getters) == 1:
        return getters[0]

    def get(root: Any) -> Any:
        return next((found for each in getters if (found := each(root)) is not msgspec.UNSET), msgspec.UNSET)

    return get


def _indexed_getter_of(path: str) -> Callable[[Any], Any]:
    """Return a function as :func:`getter_of` does, for a path that may lead through a list, as in ``events.0.name``."""
    ways = ways_of(tuple(keys_of(path)))

    def get(root: Any) -> Any:
        found: Any = msgspec.UNSET
        for keys in ways:
            value = root
            for key in keys:
                if isinstance(value, list):
                    value = value[int(key)] if key.isdecimal() and int(key) < len(value) else msgspec.UNSET
                else:
                    value = getattr(value, _attribute(key), msgspec.UNSET)
            if value is not msgspec.UNSET and (found is msgspec.UNSET or found is None):
                found = value
        return found

    return get


def joined_getter_of(path: str) -> Callable[[Any], Any]:
    """Return a function like that of :func:`getter_of`, for a path that may join several values by ``/``.

    If one of the values is absent, the result is absent too, because a part of an id may match several events.
    """
    return joined([getter_of(part) for part in parts_of(path)])


def joined(getters: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a function that joins the values found by several functions by ``/``; UNSET if one of them finds none."""
    if len(getters) == 1:
        return getters[0]

    def get(root: Any) -> Any:
        found = [text_of_scalar(value_of(root)) for value_of in getters]
        return "/".join(found) if found and all(found) else msgspec.UNSET

    return get


class Extractor:
    """Decodes only the values at some dotted paths of a JSON object; the rest is skipped unparsed.

    :param paths: Path to type; "" paths are left out.
    :ivar decode: From bytes to a value that only :func:`getter_of` and :meth:`obstacle` understand.
    """

    def __init__(self, paths: Mapping[str, Any]) -> None:
        shape = shape_of({tuple(keys_of(path)): kind for path, kind in paths.items() if path})
        self.decode = msgspec.json.Decoder(shape).decode

    def obstacle(self, path: str) -> Callable[[Any], str]:
        """Return a function from a decoded value to the path that hides ``path``.

        This is a path above it whose value is neither an object nor empty. If there is none (""), an absent value is
        really absent.
        """
        keys = keys_of(path)
        names = [_attribute(key) for key in keys]

        def get(found: Any) -> str:
            for depth, name in enumerate(names[:-1], 1):
                found = getattr(found, name, msgspec.UNSET)
                if is_absent(found):
                    return ""
                if not isinstance(found, msgspec.Struct):
                    return ".".join(keys[:depth])
            return ""

        return get


class FieldReader:
    """Reads the values that a source's :class:`Fields` point at from raw records.

    :param names: Names of the fields, such as ``("action", "ip")``.
    """

    def __init__(self, fields: Fields, names: Iterable[str]) -> None:
        paths = {name: paths_of(getattr(fields, name)) for name in names}
        extractor = Extractor({path: Any for each in paths.values() for path in each})
        self._paths = paths
        self._decode = extractor.decode
        self._getters = [(name, tuple(map(getter_of, each))) for name, each in paths.items() if each]

    def read(self, raw: msgspec.Raw) -> dict[str, str]:
        """Return the values as text, by name; of a record that can only be read in part, as many as possible."""
        try:
            record = self._decode(raw)
        except UNREADABLE:
            return self._read_strange(bytes(raw))
        found = {}
        for name, getters in self._getters:
            for get in getters:
                value = get(record)
                # Nearly all values are texts or absent, and these lines run for every event.
                text = value if type(value) is str else "" if value is ABSENT else _text_of_field(name, value)
                if text:
                    found[name] = text
                    break
        return found

    def _read_strange(self, raw: bytes) -> dict[str, str]:
        """Read a record that the strict decoder refuses, such as one with half a surrogate pair or broken UTF-8."""
        try:
            record = json.loads(raw.decode(errors="replace"))
        except (ValueError, RecursionError):
            return {}
        found = {}
        for name, paths in self._paths.items():
            if text := next(filter(None, (_text_of_field(name, value_at(record, path)) for path in paths)), ""):
                found[name] = text.encode(errors="replace").decode()
        return found


def _text_of_field(name: str, value: Any) -> str:
    if isinstance(value, bool) and name == "outcome":
        return "true" if value else "false"
    return text_of_scalar(value)


def shape_of(paths: Mapping[tuple[str, ...], Any]) -> Any:
    """Return a type that decodes only the values at some paths of a JSON object, each with its own type."""
    # If two paths may mean the same key, the literal one counts.
    merged = {way: kind for keys, kind in paths.items() for way in ways_of(keys)[1:]}
    return _shape({**merged, **paths})


def _shape(paths: Mapping[tuple[str, ...], Any]) -> Any:
    inner: dict[str, dict[tuple[str, ...], Any]] = {}
    leaves: dict[str, Any] = {}
    for (key, *rest), kind in paths.items():
        if rest:
            inner.setdefault(key, {})[tuple(rest)] = kind
        else:
            leaves[key] = kind
    # If a value is not an object as expected, everything inside it is absent.
    nested = {key: _shape(rest) | _NO_OBJECT | _list_of(rest) for key, rest in inner.items()}
    kinds = {**leaves, **nested}
    fields = [(_attribute(key), kind | None | msgspec.UnsetType, msgspec.UNSET) for key, kind in kinds.items()]
    return msgspec.defstruct(
        "Found", fields, rename={_attribute(key): key for key in kinds}, gc=False, omit_defaults=True
    )


def _list_of(paths: Mapping[tuple[str, ...], Any]) -> Any:
    """Return the type of a list in place of an object: typed items for paths such as ``0.name``, else any items."""
    items = {keys[1:]: kind for keys, kind in paths.items() if keys[0].isdecimal()}
    if not items:
        return list[msgspec.Raw]
    if () in items:
        return list[Any]
    return list[_shape(items) | _NO_OBJECT | list[msgspec.Raw] | None]  # type: ignore[misc]


def _attribute(key: str) -> str:
    return "at_" + "".join(letter if letter.isascii() and letter.isalnum() else f"_{ord(letter)}_" for letter in key)
