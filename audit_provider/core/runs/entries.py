"""The log of what lies beside the events: dead letters, redrives, gaps and acknowledgements, as events of the evidence.

The stream of evidence is a chain and a Merkle log like every other, and its checkpoints cover these entries too. Files
of dead letters and redrive records are never changed or removed, so one that is in the log and not in the spool is a
fault.
The configuration's changes are events of that stream themselves, see :mod:`.configurations`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.model import text_of
from audit_provider.core.runs.evidence_events import ENTRIES_ACTION, evidence_event
from audit_provider.core.runs.proving import evidence_of
from audit_provider.core.stream_name import StreamName
from audit_provider.core.verification.report import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.model import Event
    from audit_provider.core.spool import Store

MOST_FILES = 500
"""Files that one event names."""


class _Entries(msgspec.Struct, frozen=True):
    """One event of the log. :ivar files: by key in the spool, the SHA-256 of their content.

    :ivar gaps: that were new, by id. :ivar acknowledged: gaps by id, to who said so, when and what.
    :ivar withdrawn: ids of gaps whose acknowledgement was taken back.
    """

    action: str = ""
    files: dict[str, str] = {}
    gaps: dict[str, dict[str, Any]] = {}
    acknowledged: dict[str, dict[str, Any]] = {}
    withdrawn: tuple[str, ...] = ()


@dataclass
class Logged:
    """What the log of a pipeline says, up to its last entry."""

    files: dict[str, str] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, ledger: Ledger, store: Store, pipeline: str) -> Logged:
        """Return what is logged.

        :raises AuditError: the spool or a record cannot be read.
        """
        found = cls()
        for event in evidence_of(ledger, store, pipeline):
            try:
                entries = _decoder.decode(event.raw)
            except UNREADABLE:
                continue
            if entries.action == ENTRIES_ACTION:
                found.files.update(entries.files)
                found.gaps.update(entries.gaps)
                found.acknowledged.update(entries.acknowledged)
                for each in entries.withdrawn:
                    found.acknowledged.pop(each, None)
        return found

    def faults(self, files: Mapping[str, str]) -> list[Fault]:
        """Return what is logged and no longer there as it was. :param files: of the spool, see :func:`files_beside`."""
        found = []
        for key, digest in self.files.items():
            stream = key.partition("/dead/")[0]
            if key not in files:
                found.append(Fault("missing", stream, 0, key, "is in the log of entries, and no longer in the spool"))
            elif files[key] != digest:
                found.append(Fault("damaged", stream, 0, key, "is not what the log of entries says"))
        return found

    def new(self, pipeline: str, files: Mapping[str, str], gaps: Iterable[GapRecord], now: datetime) -> list[Event]:
        """Return the events that the log lacks: nothing where it lacks nothing."""
        fresh = {key: digest for key, digest in files.items() if key not in self.files}
        known = {each.id: each for each in gaps}
        seen = {name: _acknowledged(each) for name, each in known.items() if each.acknowledged}
        parts: list[dict[str, Any]] = [{"files": dict(some)} for some in _in_lots(fresh, MOST_FILES)]
        changed = {
            "gaps": {name: _gap(each) for name, each in known.items() if name not in self.gaps},
            "acknowledged": {name: said for name, said in seen.items() if self.acknowledged.get(name) != said},
            "withdrawn": sorted(name for name in self.acknowledged if name in known and name not in seen),
        }
        if any(changed.values()):
            parts.append(changed)
        return [_event(pipeline, each, now) for each in parts]


def _in_lots(items: Mapping[str, str], most: int) -> Iterator[list[tuple[str, str]]]:
    """Yield the items of a mapping in lots of at most so many, by key."""
    listed = sorted(items.items())
    for start in range(0, len(listed), most):
        yield listed[start : start + most]


def files_beside(store: Store, pipeline: str) -> dict[str, str]:
    """Return the files of dead letters and redrive records of a pipeline, by key, with the SHA-256 of each.

    :raises AuditError: the spool cannot be read.
    """
    found = {}
    for name in StreamName.all_in(store, pipeline):
        for chain in store.folders(f"{name.folder}/"):
            for destination in store.folders(f"{name.folder}/{chain}/dead/"):
                for key in store.keys(f"{name.folder}/{chain}/dead/{destination}/"):
                    found[key] = hashlib.sha256(store.get(key)).hexdigest()
    return found


def entry_faults(ledger: Ledger, store: Store, pipeline: str) -> list[Fault]:
    """Return what the log of a pipeline's entries says and the spool does not hold as it was.

    Where the log itself is damaged, that is a fault of its own chain, and nothing is said here.

    :raises UnavailableError: the spool or a record cannot be read.
    """
    try:
        return Logged.of(ledger, store, pipeline).faults(files_beside(store, pipeline))
    except SpoolDamagedError:
        return []


def _gap(gap: GapRecord) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "stream": gap.stream,
        "destination": gap.destination,
        "from": text_of(gap.wanted),
        "to": text_of(gap.possible),
        "reason": gap.reason,
        "events": gap.events,
    }


def _acknowledged(gap: GapRecord) -> dict[str, Any]:
    said = gap.acknowledged
    return {"by": said.by, "at": text_of(said.at), "note": said.note} if said else {}


def _event(pipeline: str, part: Mapping[str, Any], now: datetime) -> Event:
    record = {"action": ENTRIES_ACTION, "kind": "entries", "subject": pipeline, "pipeline": pipeline, **part}
    name = hashlib.sha256(msgspec.json.encode([text_of(now), record], order="deterministic")).hexdigest()[:32]
    return evidence_event(f"entries-{name}", now, record)


_decoder = msgspec.json.Decoder(_Entries)
