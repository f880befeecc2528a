"""Whether every value of a source written in Python is of the type that its key takes.

A source of the pipelines file is checked while it is read; one in Python is first looked at when it is used, far from
the line that is wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.sources.inline import TYPES
from audit_provider.core.validation import checked


def wrong_types_in(value: Any, path: str = "") -> list[str]:
    """Return one sentence per value of the wrong type in a dataclass such as a source, each beginning with its path.

    :param value: a dataclass, looked into at any depth. :param path: where it stands, "" for the source itself.
    """
    return list(_wrong(value, path))


def _wrong(value: Any, path: str) -> Iterator[str]:
    hints = get_type_hints(type(value))
    for each in dataclasses.fields(value):
        here = f"{path}.{each.name}" if path else each.name
        found, hint = getattr(value, each.name), hints[each.name]
        if found is None and type(None) in get_args(hint):
            continue
        kinds = tuple(TYPES[each.name].values()) if each.name in TYPES else _dataclasses_of(hint)
        if kinds and not isinstance(found, kinds):
            yield f"{here}: must be {' or '.join(kind.__name__ for kind in kinds)}, not {found!r}"
        elif dataclasses.is_dataclass(found):
            yield from _wrong(found, here)
        else:
            try:
                checked(hint, found, here, strict=True)
            except ConfigurationError:
                yield f"{here}: must be of the type {each.type}, not {found!r}"


def _dataclasses_of(hint: Any) -> tuple[type, ...]:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind))
