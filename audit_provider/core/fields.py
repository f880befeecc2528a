"""What stands at the dotted paths of a JSON object, read without decoding the rest.

A dot leads into an object. Where nothing stands there, one key of the path may have dots of its own, as
``@odata.nextLink`` and ``meta.@odata.nextLink`` have; a path with a backslash before a dot is taken exactly as written.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.model import Fields

ABSENT = msgspec.UNSET
"""What a path leads to that is not there."""

_DOT = re.compile(r"(?<!\\)\.")
_NO_OBJECT = str | int | float | bool | list[msgspec.Raw]


def keys_of(path: str) -> list[str]:
    """Return the keys of a dotted path; a dot of a key's own stands behind a backslash, as in ``error.\\.tag``."""
    return [key.replace("\\.", ".") for key in _DOT.split(path)] if path else []


def paths_of(written: str) -> tuple[str, ...]:
    """Return the paths of a field, in order of preference: they stand behind each other with ``|`` between them."""
    return tuple(filter(None, map(str.strip, written.split("|"))))


@functools.lru_cache(maxsize=4096)
def ways_of(keys: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the keys that a path's keys may mean, in the order in which they are tried.

    First each stands for itself; then one key has dots of its own, the longest first. Where a key has a dot already, it
    was written with a backslash, and the path means nothing else.
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
    """Return what stands at a dotted ``path``, or None where anything on the way is absent.

    A number is a place in a list, as in ``errors.0.code``.
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
    """Return what stands at a dotted ``path`` as text; "" where it is absent, null or not a scalar."""
    return text_of_scalar(value_at(record, path)) if path else ""


def text_of_scalar(value: Any) -> str:
    """Return a JSON scalar as text; "" for null, true, false, and what is no scalar."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def is_absent(value: Any) -> bool:
    """Whether a field says nothing: it is not there, or null, false or an empty text."""
    return value is msgspec.UNSET or value is None or value is False or value == ""


def getter_of(path: str) -> Callable[[Any], Any]:
    """Return a function from what :func:`shape_of` decodes to what stands at ``path``, ``UNSET`` where it is absent."""
    if not path:
        return lambda _: msgspec.UNSET
    names, *others = ([_attribute(key) for key in keys] for keys in ways_of(tuple(keys_of(path))))
    if not others and len(names) == 1:
        # Every object that the shape decodes to has it, present or not.
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


class Extractor:
    """Decodes of a JSON object only what stands at some dotted paths; the rest is skipped unparsed.

    :param paths: path to type; "" paths are left out.
    :ivar decode: bytes to a value that only :func:`getter_of` and :meth:`obstacle` understand.
    """

    def __init__(self, paths: Mapping[str, Any]) -> None:
        shape = shape_of({tuple(keys_of(path)): kind for path, kind in paths.items() if path})
        self.decode = msgspec.json.Decoder(shape).decode

    def obstacle(self, path: str) -> Callable[[Any], str]:
        """Return a function from a decoded value to what hides ``path``: the path of something above it that is neither
        an object nor empty; "" where there is none, so that what is absent is truly absent.
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
    """Reads from raw records what their source's :class:`Fields` point at.

    :param names: which of the fields, such as ``("action", "ip")``.
    """

    def __init__(self, fields: Fields, names: Iterable[str]) -> None:
        paths = {name: paths_of(getattr(fields, name)) for name in names}
        extractor = Extractor({path: Any for each in paths.values() for path in each})
        self._paths = paths
        self._decode = extractor.decode
        self._getters = [(name, tuple(map(getter_of, each))) for name, each in paths.items() if each]

    def read(self, raw: msgspec.Raw) -> dict[str, str]:
        """Return what is there, as text, by name; of a record that can only be read in part, as much as can be."""
        try:
            record = self._decode(raw)
        except UNREADABLE:
            return self._read_strange(bytes(raw))
        found = {}
        for name, getters in self._getters:
            for get in getters:
                value = get(record)
                # Nearly all are texts or absent, and these lines run for every event.
                text = value if type(value) is str else "" if value is ABSENT else _text_of_field(name, value)
                if text:
                    found[name] = text
                    break
        return found

    def _read_strange(self, raw: bytes) -> dict[str, str]:
        """Read what the strict decoder refuses: half a surrogate pair, a number beyond every range, broken UTF-8."""
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
    """Return the type that decodes of a JSON object only what stands at some paths, each with a type of its own."""
    # Where two paths may mean the same key, what is written as it is counts.
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
    # Something else may stand where an object is expected: then what was looked for in it is simply absent.
    nested = {key: _shape(rest) | _NO_OBJECT for key, rest in inner.items()}
    kinds = {**leaves, **nested}
    fields = [(_attribute(key), kind | None | msgspec.UnsetType, msgspec.UNSET) for key, kind in kinds.items()]
    return msgspec.defstruct(
        "Found", fields, rename={_attribute(key): key for key in kinds}, gc=False, omit_defaults=True
    )


def _attribute(key: str) -> str:
    return "at_" + "".join(letter if letter.isascii() and letter.isalnum() else f"_{ord(letter)}_" for letter in key)
