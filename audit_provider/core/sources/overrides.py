"""What a user's change to a built-in source means for its other requests and for its recovery source.

The rule: a key in the entry also applies to ``follow``, ``fallback`` and ``recovery`` of the source named by ``like``,
if these had the same value as the source itself. If they had another value, only the user can say what it becomes, so
the entry is refused until it has ``follow``, ``fallback`` or ``recovery`` as well; ``{}`` keeps it unchanged.

A recovery source always keeps the values in which it differs by nature, such as its reading, its budget and its
look-back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_provider.core.sources.spec import SourceSpec

_OF_THE_API = frozenset(
    {
        "request",
        "follow",
        "paging",
        "times",
        "records_at",
        "records_may_be_absent",
        "fields",
        "volatile",
        "errors",
        "export",
    }
)
"""Keys that must be right for the recovery source too, or it reads something else."""


def carried(entry: Mapping[str, Any], path: str, base: SourceSpec) -> tuple[dict[str, Any], list[str]]:
    """Return the entry, extended to the other parts of ``base``, and a line for each part that only the user can give.

    :param path: the entry's path in the pipelines file.
    """
    found, missing = dict(entry), []
    request = entry.get("request")
    for key in ("follow", "fallback"):
        other = getattr(base, key)
        if other is None or not isinstance(request, Mapping):
            continue
        shared, open_ = _parts(request, base.request, other, "request.")
        missing += _missing(found, key, shared, open_, path)
    if base.recovery is not None:
        shared, open_ = {}, []
        for key, written in entry.items():
            mine, theirs = getattr(base, str(key), None), getattr(base.recovery, str(key), None)
            if key in ("recovery", "reading"):
                continue
            if mine == theirs:
                shared[key] = written
            elif isinstance(written, Mapping) and "type" not in written and _alike(mine, theirs):
                shared[key], apart = _parts(written, mine, theirs, f"{key}.")
                open_ += apart if key in _OF_THE_API else []
            elif key in _OF_THE_API and written != mine:
                open_.append(key)
        missing += _missing(found, "recovery", shared, open_, path)
    return found, missing


def merged(above: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; ``written`` overrides ``above``, and mappings are merged unless ``written`` gives a ``type``."""
    found = {**above, **written}
    for key in above.keys() & written.keys():
        if isinstance(above[key], Mapping) and isinstance(written[key], Mapping) and "type" not in written[key]:
            found[key] = {**above[key], **written[key]}
    return found


def _missing(found: dict[str, Any], key: str, shared: Mapping[str, Any], open_: list[str], path: str) -> list[str]:
    """Put the shared values into ``found[key]``; return the sentence that asks for the rest, if there is one."""
    if key in found:
        if isinstance(found[key], Mapping):
            found[key] = merged(shared, found[key])
        return []
    found[key] = shared
    if not open_:
        return []
    return [
        f"{path}.{key}: is missing: {' and '.join(open_)} {'is' if len(open_) == 1 else 'are'} different there, so "
        f"write {key!r} too, with its own values ({{}} keeps it unchanged, null removes it)"
    ]


def _parts(written: Mapping[str, Any], mine: Any, theirs: Any, prefix: str) -> tuple[dict[str, Any], list[str]]:
    """Return the values of ``written`` that apply to both, and the names of the others that change something."""
    shared, open_ = {}, []
    for key, value in written.items():
        # A key that is not text is unknown, and is refused as an unknown key.
        own = getattr(mine, str(key), None)
        if own == getattr(theirs, str(key), None):
            shared[key] = value
        elif value != own:
            open_.append(f"{prefix}{key}")
    return shared, open_


def _alike(mine: Any, theirs: Any) -> bool:
    return is_dataclass(mine) and type(mine) is type(theirs)
