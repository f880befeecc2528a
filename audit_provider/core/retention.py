"""Which segments the next read needs: a repeated event is recognised by the kept one, however old that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.model import back_by
from audit_provider.core.spool.stream import CLOCK_SKEW

if TYPE_CHECKING:
    from audit_provider.core.position import Position

_UNKNOWN_REACH = timedelta(days=8)
"""Beyond what any source reads back by its own settings: for a position of a version that did not keep its reach."""

_MARKS = frozenset({"window_end", "watermark", "start", "floor"})
"""Keys of a strategy's state that say from where it reads on, also of what is open."""


SHORTEST = timedelta(days=1)
"""No ``retention_days`` removes what was written since."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What retention has removed of a stream.

    :ivar oldest: Number of the first segment that is kept in ``chain``.
    """

    chain: str
    oldest: int


def needed_since(position: Position) -> datetime | None:
    """Return the time since which segments must be kept, so that the next read recognises repeated events.

    While a source cannot be read, this time stays the same, whatever the clock says.

    :param position: Position of the stream that is read.
    :return: None if nothing was read.
    """
    if position.updated_at is None:
        return None
    keys = _MARKS if position.complete else _MARKS | {"swept_at"}
    marks = [position.updated_at, *_marks_in(position.reading, keys)]
    if position.watermark:
        marks.append(position.watermark)
    reach = timedelta(seconds=position.looks_back) if position.looks_back else _UNKNOWN_REACH
    return back_by(min(marks), reach + CLOCK_SKEW)


def _marks_in(state: Mapping[str, Any], keys: frozenset[str]) -> Iterator[datetime]:
    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from _marks_in(value, keys)
        elif key in keys and isinstance(value, str):
            yield msgspec.convert(value, datetime, strict=False)
