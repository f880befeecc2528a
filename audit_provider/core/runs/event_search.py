"""A search for events in the spool: by id, or by who did what and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.fields import FieldReader
from audit_provider.core.ledger import tree_record
from audit_provider.core.model import Event, Fields, back_by
from audit_provider.core.open_stream import OpenStream, open_stream
from audit_provider.core.runs.own_streams import OWN_FIELDS
from audit_provider.core.spool import Head, Stream
from audit_provider.core.spool.id_index import IdIndex, IndexHead
from audit_provider.core.spool.stream import CLOCK_SKEW
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.spool.id_index import Span
    from audit_provider.core.spool.manifests import Look, Outline

SHOWN = ("action", "actor_id", "actor_email", "actor_name", "recorded")
"""The fields that are read of an event that is found."""

MOST_CHARACTERS = 1_000
"""Of each part of a search. It is compared with every event, so a longer one would cost much and find nothing."""

_ACTORS = ("actor_id", "actor_email", "actor_name")
_OWN_NAME = re.compile(r"(.+)-[0-9a-f]{32}", re.DOTALL)
"""The name of an event that came under an id which another one has."""

_UNKNOWN = Fields("", "")
"""What a position of an early version says."""

_CHAIN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are searched; each part that is given must be true of an event.

    :ivar id: the vendor's id. Several events that came under one id are all found.
    :ivar actor: id, e-mail address or name of who did it, whole; upper and lower case are the same.
    :ivar action: what happened, whole or a pattern with ``*``; upper and lower case are the same.
    :ivar text: stands anywhere in the vendor's record; upper and lower case of A to Z are the same.
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
    """One event, and where it stands.

    :ivar name: its stream, and :ivar chain: the chain of segments in it. :ivar head: of its segment.
    :ivar index: its place in the segment, from 0. :ivar fields: those of :data:`SHOWN` that its record has.
    :ivar position: of the stream; None where the ledger has none.
    :ivar is_proven: the ledger's record of the stream leads to the segment; else only the spool itself says so.
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
    """Yield the events of a spool that are wanted, stream by stream, the newest segments first.

    An event that is not yielded is in no kept segment: every manifest is read and proven, or an index of them is that
    the ledger proves, or an error is raised.

    :param pipeline: only of this one; "" for all. :param fields: returns where the records of a pipeline's source keep
        common values, None where nobody knows; it is asked only where the ledger has no position.
    :raises ConfigurationError: an actor or an action is wanted, and nobody knows where records keep them.
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
        # The chain of early versions lies in the stream's own folder.
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
    """Return what says whether segments may hold an event of the times that are wanted."""
    start, end = wanted.start, wanted.end
    floor = back_by(start, CLOCK_SKEW) if start else None

    def may_hold(first: datetime, last: datetime, written: datetime) -> bool:
        if start and last < start:
            return False
        return not (end and first >= end) and not (floor and written < floor)

    return may_hold


def _look_for(name: str) -> Callable[[bytes], bool]:
    """Return what says whether an id stands in the text of a manifest, alone or at the front of a name made of it."""
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
    """Return the values of an event that is wanted; None for another one."""
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
    """Whether an action is one of a pattern: what stands between stars is looked for from left to right, once."""
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
    """Whether a record holds a text, as it is written in JSON with or without escapes."""
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
    """Yield the outlines of the segments of a chain that may hold what is wanted, the newest first.

    :param known: the chain as the ledger has it; None where no record leads to it, and its newest manifest counts.
    :param span: and :param look: say by the times of segments and by the text of a manifest whether they may hold it.
    :param name: an id that is wanted, which ``look`` looks for as well; "" for none.
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
    """Return the digest of the manifest that the oldest of some outlines follows; the head's where there are none."""
    return outlines[-1].previous.digest if outlines else known.head.digest


def _index_of(ledger: Ledger, known: OpenStream) -> IndexHead:
    """Return the index of a chain's ids that the ledger proves."""
    tree = tree_record(ledger, known.name).load()
    return tree.index if tree and tree.chain == known.chain and tree.index.last <= known.head.number else IndexHead()
