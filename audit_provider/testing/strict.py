"""Decode a file that people write: every key and every word must be a known one.

An unknown key is most often a misspelt one, whose default would then be used silently.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import NotRequired, Required, get_type_hints, is_typeddict

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.text.validation import closest, near

STRICT = ConfigDict(extra="forbid", strict=True)
"""The ``__pydantic_config__`` of a dataclass of such a file."""

EmptyIsDefault = BeforeValidator(lambda value: {} if value is None else value)
"""Marks a value that may be left empty: each of its keys then has its default."""


def decoded(kind: Any, content: Any, where: str) -> Any:
    """Return the dataclass ``kind`` that ``content`` describes.

    :param content: of plain values, as YAML has them. :param where: names the file, for the message.
    :raises ConfigurationError: with one line per mistake: file, path, and the nearest known word.
    """
    try:
        # As JSON, because strict mode then accepts a list in place of a tuple.
        return _adapter(kind).validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        lines = [_line(kind, each, where) for each in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(dict.fromkeys(lines))) from None


@functools.lru_cache(maxsize=16)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def words_of(kind: Any) -> tuple[str, ...]:
    """Return the words that a type allows: the values of its ``Literal``, or the names of its keys."""
    return get_args(_plain(kind)) if get_origin(_plain(kind)) is Literal else tuple(_keys(kind))


def _line(kind: Any, error: Mapping[str, Any], where: str) -> str:
    keys = [str(key) for key in error["loc"] if key != "[key]"]
    path, holder = _followed(kind, keys[:-1])
    said = error["type"]
    if said in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{where}: {'.'.join([*path, keys[-1]])}: there is no such key{near(keys[-1], words_of(holder))}"
    path, _ = _followed(kind, keys)
    place = ".".join(path) or "the file"
    known = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    if said == "literal_error":
        return f"{where}: {place}: there is no {error['input']!r} here{near(str(error['input']), known)}"
    if said == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", error["ctx"]["expected_tags"])
        style = error["ctx"]["discriminator"].strip("'")
        return f"{where}: {place}.{style}: there is no {error['ctx']['tag']!r}{near(error['ctx']['tag'], known)}"
    if said == "union_tag_not_found":
        tag = error["ctx"]["discriminator"].strip("'")
        meant = closest(tag, map(str, error["input"])) if isinstance(error["input"], Mapping) else None
        if meant:
            return f"{where}: {place}.{meant}: there is no such key, did you mean {tag!r}?"
        return f"{where}: {place}.{tag}: is missing"
    if said in ("missing", "missing_argument"):
        return f"{where}: {place}: is missing"
    words = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{where}: {place}: {words[:1].lower()}{words[1:]}"


def _followed(kind: Any, keys: list[str]) -> tuple[list[str], Any]:
    """Return the path as people write it, without pydantic's tags for a choice of types, and the type at its end."""
    path: list[str] = []
    for key in keys:
        kind = _plain(kind)
        if known := _keys(kind):
            path.append(key)
            kind = known.get(key, Any)
        elif get_origin(kind) in (Union, UnionType):
            chosen = [each for each in get_args(kind) if key in _tags(each)]
            if not chosen:
                path.append(key)
            kind = chosen[0] if chosen else Any
        elif isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
            path.append(key)
            kind = get_args(kind)[1]
        else:
            path.append(key)
            kind = Any
    return path, _plain(kind)


def _plain(kind: Any) -> Any:
    """Return a type without its annotations, and without ``None`` as an alternative."""
    while get_origin(kind) in (Annotated, Required, NotRequired):
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        rest = [each for each in get_args(kind) if each is not type(None)]
        return _plain(rest[0]) if len(rest) == 1 else kind
    return kind


def _keys(kind: Any) -> dict[str, Any]:
    """Return the keys of a dataclass or a ``TypedDict``, and the type of each; empty for any other type."""
    kind = _plain(kind)
    if not (is_dataclass(kind) or is_typeddict(kind)):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint for name, hint in hints.items() if not name.startswith("__")}


def _tags(kind: Any) -> tuple[Any, ...]:
    return tuple(word for hint in _keys(kind).values() if get_origin(hint) is Literal for word in get_args(hint))
