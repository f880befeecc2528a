"""The two marks of removal in a chain's folder: with which segment it begins, and when retention looked last."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.spool.stream import OLDEST, PRUNED
from audit_provider.core.verification.segments import Flaw, FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_provider.core.spool import Store

_Mark = TypeVar("_Mark", int, datetime)


def read_marks(store: Store, folder: str, names: Collection[str]) -> tuple[int, list[Flaw]]:
    """Return the number of the oldest segment kept, and what is wrong with the marks.

    :param names: of the files in the folder.
    """
    oldest, flaws = 1, []
    try:
        if OLDEST in names:
            number = _mark(store, folder, OLDEST, int)
            if number < 1:
                raise FlawError(Flaw("damaged", OLDEST, "is not what was written (no number of a segment)"))
            oldest = number
            if PRUNED not in names:
                flaws.append(Flaw("missing", PRUNED, f"is missing, although {OLDEST} is there"))
    except FlawError as error:
        flaws.append(error.flaw)
    try:
        if PRUNED in names:
            _mark(store, folder, PRUNED, datetime)
    except FlawError as error:
        flaws.append(error.flaw)
    return oldest, flaws


def _mark(store: Store, folder: str, name: str, kind: type[_Mark]) -> _Mark:
    content = fetch(store, folder, name)
    try:
        value = msgspec.json.decode(content, type=kind)
        if msgspec.json.encode(value) == content:
            return value
    except UNREADABLE:
        pass
    raise FlawError(Flaw("damaged", name, "is not what was written"))
