"""The files of dead letters: what a file of letters or a redrive record holds, and which chains have letters.

With the index of chains, a report need not list every stream::

    <pipeline>/letters/
    ├── <stream>/<chain>/<destination>    an empty file for each folder of dead letters
    └── looked.json                       when all streams were listed last

The files of the index prove nothing: they only name the folders ``dead``. Each one is written before the first letter
of its folder. Once a day, all streams are listed and missing entries are added: for folders that an earlier version
made, and for streams that were restored without the index.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.destinations.base import Place
from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_provider.core.spool import Store

LETTERS = re.compile(r"[0-9]{12}-[0-9]{8}-([0-9]+)-([0-9a-f]{8})(-[0-9]+)?\.ndjson")
"""Name of a file of letters, with their number and a digest of the places of their events. Other files are ignored."""

RECORD = re.compile(r"[0-9TZ.]+-([0-9a-f]{16})\.json")
"""Name of a redrive record, with a digest of its content."""


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter, as it is kept.

    :ivar event: the vendor's record byte for byte, as the spool holds it: a destination's ``redact`` is applied only
        when it is sent. :ivar id: of the event, and :ivar time: when it happened.
    :ivar reason: why it was set aside. :ivar answer: the destination's message, shortened; "" if nothing was sent.
    :ivar segment: number of the segment in the stream, and :ivar index: place of the event in it, from 0.
    :ivar batch: places of the first and the last event of its batch.
    :ivar previous: digest of the file of letters before; only the first letter of a file has it.
    """

    id: str
    time: datetime
    reason: str
    answer: str = ""
    too_old: bool = False
    segment: int
    index: int
    batch: tuple[Place, Place] | None = None
    set_aside_at: datetime
    previous: str = ""
    event: msgspec.Raw

    @property
    def place(self) -> Place:
        """The place of the event in the spool."""
        return self.segment, self.index

    @property
    def spooled(self) -> Event:
        """The event as the spool holds it."""
        return Event(self.id, self.time, self.event)


def digest_of_places(letters: Sequence[Letter]) -> str:
    """Return the digest of the places of the letters' events, for the name of their file."""
    return hashlib.sha256(repr([each.place for each in letters]).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Where a letter is kept: a file, and the number of a line in it, from 0."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter that was refused again."""

    line: Line
    reason: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RedriveRecord:
    """What became of some letters in a redrive, or that a person discarded them.

    :ivar at: aware UTC. :ivar previous: digest of the record before; "" for the first.
    :ivar by: who discarded letters, :ivar why: the reason, and :ivar run: the DAG run; "" if none were discarded.
    """

    at: datetime
    taken: tuple[Line, ...] = ()
    filtered: tuple[Line, ...] = ()
    refused: tuple[Refusal, ...] = ()
    previous: str = ""
    discarded: tuple[Line, ...] = ()
    by: str = ""
    why: str = ""
    run: str = ""

    @property
    def closed(self) -> tuple[Line, ...]:
        """The letters that are no longer open."""
        return (*self.taken, *self.filtered, *self.discarded)


INDEX = "letters"
"""The folder of a pipeline with the index of chains that have dead letters."""

_LOOKED = "looked.json"
_LOOK_AGAIN = timedelta(days=1)

Chains = dict[StreamName, list[str]]
"""The chains of each stream that have dead letters of one destination, both in order."""


def folders_in_spool(store: Store, pipeline: str) -> dict[str, Chains]:
    """Return the chains with dead letters by destination, by listing each stream.

    :raises AuditError: the spool cannot be listed.
    """
    found: dict[str, Chains] = defaultdict(dict)
    for name in StreamName.all_in(store, pipeline):
        for chain in store.folders(f"{name.folder}/"):
            for destination in store.folders(f"{name.folder}/{chain}/dead/"):
                found[destination].setdefault(name, []).append(chain)
    return dict(found)


def indexed_folders(store: Store, pipeline: str, now: datetime) -> Mapping[str, Chains]:
    """Return the chains with dead letters by destination, from the index; missing entries are added once a day.

    :param now: aware UTC.
    :raises AuditError: the spool cannot be read or written.
    """
    top = f"{pipeline}/{INDEX}/"
    keys = list(store.keys(top))
    found = _parsed(pipeline, [key[len(top) :] for key in keys])
    if _is_fresh(store, f"{top}{_LOOKED}", now, keys):
        return found
    listed = folders_in_spool(store, pipeline)
    for destination, chains in listed.items():
        for name, of_stream in chains.items():
            for chain in of_stream:
                if chain not in found.get(destination, {}).get(name, ()):
                    stream = name.folder.partition("/")[2]
                    store.put(f"{top}{stream}/{chain}/{destination}", b"")
    store.put(f"{top}{_LOOKED}", msgspec.json.encode(now))
    return listed


def _is_fresh(store: Store, key: str, now: datetime, keys: list[str]) -> bool:
    if key not in keys:
        return False
    try:
        looked = msgspec.json.decode(store.get(key), type=datetime)
        return timedelta(0) <= now - looked < _LOOK_AGAIN
    except (SpoolDamagedError, TypeError, *UNREADABLE):
        return False


def _parsed(pipeline: str, names: list[str]) -> dict[str, Chains]:
    found: dict[str, Chains] = defaultdict(dict)
    for each in sorted(names):
        stream, _, rest = each.partition("/")
        chain, _, destination = rest.partition("/")
        name = StreamName.of_folder(pipeline, stream)
        if name and chain and destination:
            found[destination].setdefault(name, []).append(chain)
    return {each: dict(sorted(chains.items(), key=lambda one: one[0].window)) for each, chains in found.items()}
