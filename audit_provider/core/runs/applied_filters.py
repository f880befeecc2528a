"""The filters under which a destination has passed an event. They may be others than those of now.

A change of the configuration is kept as evidence before anything is shipped under it, with the place that the
destination had reached in the stream, see :mod:`~audit_provider.core.runs.configurations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.ledger.position import begun_at
from audit_provider.core.records.selection import Selection, Selector
from audit_provider.core.runs.own_streams import CONFIGURATION_ACTION

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import Place
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Event, Fields, Offset

DELIVERED_OR_FILTERED: Literal["delivered or filtered"] = "delivered or filtered"
"""The state of an event that a destination has passed, of which it is not known under which filters."""

Verdict = Literal["delivered", "filtered", "delivered or filtered"]

_FILTERS = ("only", "except")


@dataclass(frozen=True, slots=True)
class FilterChange:
    """The filters of a destination until a change of its configuration.

    :ivar stream: folder of the stream that was to be shipped; "" if an earlier version kept the change.
    :ivar chain: the chain of the destination's offset in it; None if it had none.
    :ivar place: the next event of that offset. :ivar again: see :class:`~audit_provider.core.model.Offset`.
    :ivar at: when the change was found. :ivar before: the filters until then.
    """

    destination: str
    stream: str
    chain: str | None
    place: Place
    again: int
    at: datetime
    before: Selection

    def side_of(
        self, chain: str, again: int, place: Place, written_at: datetime
    ) -> Literal["before", "after", "either"]:
        """Return whether an event of the stream was passed before or after the change."""
        if self.stream and self.chain is None:
            return "after"
        if self.stream and self.chain == chain and self.again == again:
            return "before" if place < self.place else "after"
        if self.at <= written_at:
            return "after"
        begun, other = begun_at(chain), begun_at(self.chain or "")
        if self.stream and self.chain != chain and begun and other and begun != other:
            return "after" if begun > other else "before"
        return "either"


@dataclass(frozen=True, slots=True)
class AppliedFilters:
    """The filters of a destination in one chain of a stream.

    :ivar now: under which the destination was shipped to last. :ivar changes: of its configuration in this stream, the
        oldest first. :ivar again: of its offset.
    """

    chain: str
    now: Selection
    changes: Sequence[FilterChange] = ()
    again: int = 0

    @classmethod
    def of(
        cls, folder: str, offset: Offset, delivery: Delivery | None, changes: Sequence[FilterChange]
    ) -> AppliedFilters:
        """Return the filters for an offset.

        :param folder: of the stream. :param changes: of the destination in all streams.
        :param delivery: as the pipelines file has it, for an offset that does not say under which configuration it was
            shipped to; None if the file does not have it.
        """
        found = _decoded(offset.configuration.encode()) if offset.configuration else None
        present = Selection(only=delivery.only, omit=delivery.omit) if delivery else Selection()
        own = [each for each in changes if each.stream in ("", folder)]
        return cls(offset.chain, _selection(found) if found else present, own, offset.again)

    @property
    def take_all(self) -> bool:
        """Whether no event was ever left out."""
        return self.now == Selection() and all(each.before == Selection() for each in self.changes)

    def under(self, place: Place, written_at: datetime) -> list[Selection]:
        """Return the filters under which an event may have been passed, each once; one if that is known.

        :param written_at: when its segment was written.
        """
        found: list[Selection] = []
        for each in self.changes:
            side = each.side_of(self.chain, self.again, place, written_at)
            if side != "after":
                found.append(each.before)
            if side == "before":
                return list(dict.fromkeys(found))
        return list(dict.fromkeys([*found, self.now]))


class FilterVerdicts:
    """Says of the events that a destination has passed whether its filters left them out.

    :param position: of the stream, for the sources that it was read from.
    """

    def __init__(self, filters: AppliedFilters, position: Position) -> None:
        self._filters = filters
        self._fields = [(last, own.fields) for own, last in position.by_source(1)]
        self._selectors: dict[tuple[Fields, Selection], Selector] = {}
        self._takes_all = filters.take_all

    def of(self, event: Event, place: Place, written_at: datetime) -> Verdict:
        """Return what the filters made of an event. :param written_at: when its segment was written."""
        if self._takes_all:
            return "delivered"
        fields = next((own for last, own in self._fields if place[0] <= last), self._fields[-1][1])
        left = {self._leaves_out(each, fields, event) for each in self._filters.under(place, written_at)}
        if len(left) > 1:
            return DELIVERED_OR_FILTERED
        return "filtered" if True in left else "delivered"

    def _leaves_out(self, selection: Selection, fields: Fields, event: Event) -> bool:
        if selection == Selection():
            return False
        selector = self._selectors.get((fields, selection))
        if selector is None:
            selector = self._selectors[fields, selection] = Selector(selection, fields)
        try:
            return selector.select(event) is None
        except (*UNREADABLE, TypeError):
            return False


class _Change(msgspec.Struct):
    action: str = ""
    subject: str = ""
    stream: str = ""
    chain: str | None = None
    segment: int = 0
    index: int = 0
    again: int = 0
    difference: dict[str, dict[str, Any]] = {}
    configuration: dict[str, Any] = {}


def change_in(event: Event) -> FilterChange | None:
    """Return the change of a configuration that an event of the stream of evidence is about; None if it is about none.

    A change of other settings counts too: it says which filters there were.
    """
    try:
        found = _decode(event.raw)
    except UNREADABLE:
        return None
    changed = {key: each.get("before") for key, each in found.difference.items() if key in _FILTERS}
    if found.action != CONFIGURATION_ACTION:
        return None
    return FilterChange(
        found.subject,
        found.stream,
        found.chain,
        (found.segment, found.index),
        found.again,
        event.time,
        _selection({**found.configuration, **changed}),
    )


def _selection(configuration: Mapping[str, Any]) -> Selection:
    only, omit = (tuple(configuration.get(each) or ()) for each in _FILTERS)
    return Selection(only=only, omit=omit)


def _decoded(configuration: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(configuration, type=dict[str, Any])
    except UNREADABLE:
        return {}


_decode = msgspec.json.Decoder(_Change).decode


def changes_of(events: Iterable[Event]) -> dict[str, list[FilterChange]]:
    """Return the changes of configurations in a stream of evidence, by destination. :param events: the oldest first."""
    found: dict[str, list[FilterChange]] = {}
    for event in events:
        if change := change_in(event):
            found.setdefault(change.destination, []).append(change)
    return found
