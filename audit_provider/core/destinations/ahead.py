"""What a destination has taken beyond its offset: kept when a run has to end, so that it is not sent again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.model import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.destinations.base import Item
    from audit_provider.core.model import Event

MOST_AHEAD = 64
"""Ranges that an offset keeps; what lies behind them is sent again. Batches that went at once make one or two each."""


def is_ahead(ahead: Ahead, events: Sequence[Event]) -> bool:
    """Whether a segment holds the events that were taken, at the same place. :param events: all of the segment."""
    found = events[ahead.index : ahead.index + ahead.count]
    return len(found) == ahead.count and _digest(found) == ahead.ids


def ahead_of(taken: Iterable[tuple[Item, bool] | Ahead]) -> tuple[Ahead, ...]:
    """Return ranges of what is taken, in the order of the spool.

    :param taken: single events, each with whether it was already there, and ranges of earlier runs.
    """
    ranges: list[Ahead] = []
    group: list[tuple[Item, bool]] = []
    for each in taken:
        if group and (isinstance(each, Ahead) or not _follows(group[-1], each)):
            ranges.append(_range(group))
            group = []
        if isinstance(each, Ahead):
            ranges.append(each)
        else:
            group.append(each)
    if group:
        ranges.append(_range(group))
    return tuple(ranges[:MOST_AHEAD])


def _follows(last: tuple[Item, bool], each: tuple[Item, bool]) -> bool:
    (before, was_there), (item, is_there) = last, each
    alike = (before.segment, before.restamped, was_there) == (item.segment, item.restamped, is_there)
    return alike and before.index + 1 == item.index


def _range(group: Sequence[tuple[Item, bool]]) -> Ahead:
    first, is_there = group[0]
    ids = _digest([item.event for item, _ in group])
    return Ahead(first.segment, first.index, len(group), ids, already_there=is_there, restamped=first.restamped)


def _digest(events: Sequence[Event]) -> str:
    return hashlib.sha256(msgspec.json.encode([event.id for event in events])).hexdigest()[:16]
