"""A search for events in the spool: by id, or by who did what and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Fields, back_by
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.runs.own_streams import OWN_FIELDS
from audit_provider.core.spool import Head, Stream
from audit_provider.core.spool.id_index import IdIndex, IndexHead
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.streams.open_stream import OpenStream, open_stream
from audit_provider.core.transparency.tree import tree_record

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.spool.id_index import Span
    from audit_provider.core.spool.manifests import Look, Outline

SHOWN = ("action", "actor_id", "actor_email", "actor_name", "recorded")
"""The fields that are read from an event that was found."""

MOST_CHARACTERS = 1_000
"""Limit of each part of a search. Each part is compared with every event, so a long one is slow and finds nothing."""

_ACTORS = ("actor_id", "actor_email", "actor_name")
_OWN_NAME = re.compile(r"(.+)-[0-9a-f]{32}", re.DOTALL)
"""The name of an event whose id another event has already."""

_UNKNOWN = Fields("", "")
"""The fields in a position that an early version has written."""

_CHAIN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to search for; an event must match each part that is given.

    :ivar id: the vendor's id. All events that came under one id are found.
    :ivar actor: whole id, e-mail address or name of the actor; case does not matter.
    :ivar action: the whole action, or a pattern with ``*``; case does not matter.
    :ivar text: occurs anywhere in the vendor's record; the case of A to Z does not matter.
    :ivar start: and :ivar end: when it happened, ``start <= time < end``, aware UTC; None for no bound.

    :raises ConfigurationError: a part is longer than :data:`MOST_CHARACTERS`.
    """

    id: str = ""
    actor: str = ""
    action: str = ""
    text: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("id", "actor", "action", "text"):
            if (found := len(getattr(self, name))) > MOST_CHARACTERS:
                raise ConfigurationError(
                    f"the {name} that is searched has {found:,} characters: {MOST_CHARACTERS:,} are the most."
                )


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """One event that was found, and its place in the spool.

    :ivar name: its stream, and :ivar chain: the chain of segments in it. :ivar head: of its segment.
    :ivar index: its place in the segment, from 0. :ivar fields: those of :data:`SHOWN` that its record has.
    :ivar position: of the stream; None if the ledger has none.
    :ivar is_proven: whether the ledger's record of the stream leads to the segment; if not, only the spool contains it.
    """

    store: Store
    name: StreamName
    chain: str
    head: Head
    manifest: Manifest
    index: int
    event: Event
    fields: Mapping[str, str] = field(default_factory=dict)
    position: Position | None = None
    is_proven: bool = False

    @property
    def place(self) -> int:
        """Place in the whole chain, from 0."""
        return self.manifest.previous.total + self.index

    @property
    def stream(self) -> Stream:
        """The chain of segments."""
        return Stream(self.store, self.name.folder, self.chain)


def search(
    ledger: Ledger, store: Store, wanted: Wanted, *, pipeline: str = "", fields: Callable[[str], Fields | None]
) -> Iterator[FoundEvent]:
    """Yield the wanted events of a spool, stream by stream, the newest segments first.

    An event that is not yielded is in no kept segment. Every manifest is read and proven, or an index of the manifests
    that the ledger proves is read; otherwise an error is raised.

    :param pipeline: only this one; "" for all.
    :param fields: returns where the records of a pipeline's source keep common values, None if not known. It is called
        only if the ledger has no position.
    :raises ConfigurationError: an actor or an action is wanted, and it is not known where records keep them.
    :raises SpoolDamagedError: a segment that may hold the event is missing or is not what was written.
    :raises AuditError: the spool or a record cannot be read.
    """
    names = [pipeline] if pipeline else store.folders("")
    for name in [each for own in names for each in StreamName.all_in(store, own)]:
        opened = open_stream(ledger, store, name)
        current = opened.chain if opened else None
        chains = [each for each in store.folders(f"{name.folder}/") if _CHAIN.fullmatch(each)]
        if current is not None and current not in chains:
            chains.append(current)
        # Early versions wrote their chain directly into the stream's folder.
        for chain in sorted({*chains, ""}, reverse=True):
            known = opened if opened and chain == current else None
            yield from _in_chain(ledger, store, name, chain, known, opened, wanted, fields)


def _in_chain(
    ledger: Ledger,
    store: Store,
    name: StreamName,
    chain: str,
    known: OpenStream | None,
    opened: OpenStream | None,
    wanted: Wanted,
    fields: Callable[[str], Fields | None],
) -> Iterator[FoundEvent]:
    stream = Stream(store, name.folder, chain)
    readers: dict[str, FieldReader | None] = {}
    look = _look_for(wanted.id) if wanted.id else lambda _: True
    for outline in outlines_of(ledger, store, stream, known, _span_of(wanted), look, wanted.id):
        manifest = stream.manifest(outline.head)
        if wanted.id and not any(map(_has_id(wanted.id), manifest.ids)):
            continue
        source, own = _fields_of(opened.position if opened else None, outline.head.number, name, fields)
        if own is None and (wanted.actor or wanted.action):
            raise ConfigurationError(
                f"it is not known where records of {name.pipeline} keep who did what: name its source with --source."
            )
        if source not in readers:
            readers[source] = FieldReader(own, SHOWN) if own else None
        reader = readers[source]
        for index, event in enumerate(stream.events(manifest)):
            if found := _matched(event, wanted, reader):
                yield FoundEvent(
                    store,
                    name,
                    chain,
                    outline.head,
                    manifest.without_ids(),
                    index,
                    Event(event.id, event.time, event.raw.copy()),
                    found.values,
                    opened.position if opened else None,
                    known is not None,
                )


def _fields_of(
    position: Position | None, number: int, name: StreamName, fields: Callable[[str], Fields | None]
) -> tuple[str, Fields | None]:
    """Return the name of the source of a segment, and where its records keep common values."""
    if position is None:
        return "", OWN_FIELDS if name.is_made_here else fields(name.pipeline)
    for own, last in position.by_source(1):
        if number <= last:
            return own.source, own.fields if own.fields != _UNKNOWN else fields(name.pipeline)
    return position.source, position.fields


def _span_of(wanted: Wanted) -> Span:
    """Return a function that says whether a segment may hold an event of the wanted times."""
    start, end = wanted.start, wanted.end
    floor = back_by(start, CLOCK_SKEW) if start else None

    def may_hold(first: datetime, last: datetime, written: datetime) -> bool:
        if start and last < start:
            return False
        return not (end and first >= end) and not (floor and written < floor)

    return may_hold


def _look_for(name: str) -> Callable[[bytes], bool]:
    """Return a function that says whether a manifest's text contains an id, alone or at the start of a longer name."""
    whole = msgspec.json.encode(name)
    front = whole[:-1] + b"-"
    return lambda text: whole in text or front in text


def _has_id(name: str) -> Callable[[str], bool]:
    def has(each: str) -> bool:
        made = _OWN_NAME.fullmatch(each) if each != name and each.startswith(name) else None
        return each == name or (made is not None and made[1] == name)

    return has


@dataclass(frozen=True, slots=True)
class _Matched:
    values: Mapping[str, str]


def _matched(event: Event, wanted: Wanted, reader: FieldReader | None) -> _Matched | None:
    """Return the values of an event if it is wanted, else None."""
    if wanted.id and not _has_id(wanted.id)(event.id):
        return None
    if (wanted.start and event.time < wanted.start) or (wanted.end and event.time >= wanted.end):
        return None
    if wanted.text and not _holds_text(bytes(event.raw), wanted.text):
        return None
    values = reader.read(event.raw) if reader else {}
    actor = wanted.actor.casefold()
    if actor and all(values.get(each, "").casefold() != actor for each in _ACTORS):
        return None
    if wanted.action and not is_action(values.get("action", ""), wanted.action):
        return None
    return _Matched(values)


def is_action(action: str, pattern: str) -> bool:
    """Whether an action matches a pattern; the parts between stars are searched for from left to right, once."""
    action, (first, *others) = action.casefold(), pattern.casefold().split("*")
    if not others:
        return action == first
    *between, last = others
    place, end = len(first), len(action) - len(last)
    if end < place or not action.startswith(first) or not action.endswith(last):
        return False
    for part in between:
        found = action.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _holds_text(raw: bytes, text: str) -> bool:
    """Whether a record contains a text, written in JSON with or without escapes."""
    raw = raw.lower()
    plain = msgspec.json.encode(text)[1:-1]
    escaped = "".join(each if each.isascii() else _escape(each) for each in plain.decode())
    return plain.lower() in raw or escaped.encode().lower() in raw


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def outlines_of(
    ledger: Ledger, store: Store, stream: Stream, known: OpenStream | None, span: Span, look: Look, name: str = ""
) -> Iterator[Outline]:
    """Yield the outlines of the segments of a chain that may hold wanted events, the newest first.

    :param known: the chain as the ledger has it; None if no record leads to it: then its newest manifest counts.
    :param span: and :param look: return whether a segment may hold wanted events, by its times and by the text of its
        manifest.
    :param name: the wanted id, which ``look`` searches for too; "" for none.
    :raises AuditError: the spool or a record cannot be read, or a manifest is not what was written.
    """
    head = known.head if known else None
    index = _index_of(ledger, known) if known else IndexHead()
    indexed: list[Outline] | None = None
    if known and index.last:
        indexed = IdIndex(store, known.name.folder, known.chain).search(index, stream.oldest(), span, name)
    behind = stream.outlines(head, look, index.last if indexed is not None else 0)
    if known and indexed is not None and _begins_at(behind, known) != index.digest:
        indexed, behind = None, stream.outlines(head, look)
    for each in behind:
        if each.holds and span(each.first_time, each.last_time, each.written_at):
            yield each
    yield from indexed or ()


def _begins_at(outlines: list[Outline], known: OpenStream) -> str:
    """Return the digest of the manifest before the oldest outline; the head's digest if there are no outlines."""
    return outlines[-1].previous.digest if outlines else known.head.digest


def _index_of(ledger: Ledger, known: OpenStream) -> IndexHead:
    """Return the index of a chain's ids that the ledger proves."""
    tree = tree_record(ledger, known.name).load()
    return tree.index if tree and tree.chain == known.chain and tree.index.last <= known.head.number else IndexHead()
