"""The records with which a pipeline's spool is compared: those of the ledger and of the stream of evidence.

**Entries** of that stream are dead letters, redrives, gaps and acknowledgements. The stream is a chain and a Merkle log
like every other, and its checkpoints cover these entries too. Files of dead letters and redrive records are never
changed or removed, so a file that is in the log and not in the spool is a fault. Changes of the configuration are
events of their own in that stream, see :mod:`.configurations`.

**The calendar** is compared with the digest that the last verification recorded in that stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import SpoolDamagedError, StopError
from audit_provider.core.ledger.records import offset_record, removal_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of
from audit_provider.core.monitoring.summary import summary_record
from audit_provider.core.runs.calendar import CALENDAR, Calendar, DayState, key_of
from audit_provider.core.runs.own_streams import ENTRIES_ACTION, VERIFICATION_ACTION, evidence_of_kind
from audit_provider.core.runs.proving import evidence_with
from audit_provider.core.streams.open_stream import stream_progress
from audit_provider.core.verification.report import Fault
from audit_provider.core.verification.spool import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.spool import Store


def recorded_progress(
    ledger: Ledger, store: Store, folders: Iterable[str], known: Sequence[str], destination: str = ""
) -> dict[str, Progress]:
    """Return the ledger's records of some streams, by folder. Streams without a position are left out.

    :param known: destinations whose dead letters are compared, in addition to those with dead letters in the spool.
    :param destination: whose offset is returned too; "" for none.
    :raises AuditError: the spool cannot be listed, or a record cannot be read.
    """
    found = {}
    for folder in folders:
        pipeline, _, below = folder.partition("/")
        name = StreamName.of_folder(pipeline, below)
        stream = stream_progress(ledger, name) if name else None
        if name is None or stream is None:
            continue
        removal = removal_record(ledger, name).load()
        removed = removal.oldest if removal and removal.chain == stream.chain else None
        offsets = {each: stream.kept_offset(each) for each in _served(store, folder, known)}
        offset = stream.offset(destination) if destination else None
        found[folder] = Progress(stream.position, offset, offsets, removed)
    return found


def recorded_offsets(
    ledger: Ledger, store: Store, folders: Iterable[str], known: Iterable[str]
) -> dict[str, dict[str, Offset | None]]:
    """Return the offsets of streams without a position, by folder and destination; streams without any are left out.

    A redrive sends the dead letters of such a stream, because an offset proves them.
    :param known: destinations whose dead letters are compared, in addition to those with dead letters in the spool.
    :raises AuditError: the spool cannot be listed, or a record cannot be read.
    """
    found = {}
    for folder in folders:
        pipeline, _, below = folder.partition("/")
        name = StreamName.of_folder(pipeline, below)
        if name is None or stream_progress(ledger, name) is not None:
            continue
        offsets = {each: offset_record(ledger, name, each).load() for each in _served(store, folder, known)}
        if any(offsets.values()):
            found[folder] = offsets
    return found


def recorded_counts(ledger: Ledger, folders: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the recorded digests of the files of counts, by pipeline and name.

    :param folders: of streams of the pipelines.
    :raises UnavailableError: a record cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for pipeline in sorted({folder.partition("/")[0] for folder in folders}):
        # A summary that cannot be read is replaced by the next report.
        with suppress(StopError):
            if summary := summary_record(ledger, pipeline).load():
                found[pipeline] = summary.counts
    return found


def _served(store: Store, folder: str, known: Iterable[str]) -> list[str]:
    served = set(known)
    for chain in ["", *store.folders(f"{folder}/")]:
        served |= set(store.folders(f"{folder}/{chain}/dead/" if chain else f"{folder}/dead/"))
    return sorted(served)


MOST_FILES = 500
"""The most files that one event names."""


class _Entries(msgspec.Struct, frozen=True):
    """One event of the log. :ivar files: by key in the spool, the SHA-256 of their content.

    :ivar gaps: new gaps, by id.
    :ivar acknowledged: acknowledged gaps, by id: who acknowledged them, when, and the note.
    :ivar withdrawn: ids of gaps whose acknowledgement was withdrawn.
    """

    action: str = ""
    files: dict[str, str] = {}
    gaps: dict[str, dict[str, Any]] = {}
    acknowledged: dict[str, dict[str, Any]] = {}
    withdrawn: tuple[str, ...] = ()


@dataclass
class Logged:
    """The entries of a pipeline's log, up to the last one."""

    files: dict[str, str] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, ledger: Ledger, store: Store, pipeline: str) -> Logged:
        """Return the entries. :raises AuditError: the spool or a record cannot be read."""
        found = cls()
        for _, entries in evidence_with(ledger, store, pipeline, ENTRIES_ACTION, _Entries):
            found.files.update(entries.files)
            found.gaps.update(entries.gaps)
            found.acknowledged.update(entries.acknowledged)
            for each in entries.withdrawn:
                found.acknowledged.pop(each, None)
        return found

    def faults(self, files: Mapping[str, str]) -> list[Fault]:
        """Return a fault for each logged file that is missing or changed.

        :param files: of the spool, see :func:`files_beside`.
        """
        found = []
        for key, digest in self.files.items():
            stream = key.partition("/dead/")[0]
            if key not in files:
                found.append(Fault("missing", stream, 0, key, "is in the log of entries, and no longer in the spool"))
            elif files[key] != digest:
                found.append(Fault("damaged", stream, 0, key, "is not what the log of entries says"))
        return found

    def new(self, pipeline: str, files: Mapping[str, str], gaps: Iterable[GapRecord], now: datetime) -> list[Event]:
        """Return the events to add to the log; an empty list if it is up to date."""
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
    """Yield the items of a mapping, sorted by key, in lists of at most ``most`` items."""
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
    """Return a fault for each file in a pipeline's log of entries that is missing from the spool or changed.

    If the log itself is damaged, that is a fault of its own chain, and this returns nothing.

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
    return evidence_of_kind("entries", now, record)


_LISTED = 5


class _Change(msgspec.Struct, frozen=True):
    after: DayState


class _Verified(msgspec.Struct, frozen=True):
    """One verification.

    :ivar calendar: SHA-256 of the calendar that it wrote; "" from versions that did not record it.
    :ivar replaces: SHA-256 of the calendar before, which stays if the verification is killed before it writes.
    """

    time: datetime
    action: str = ""
    calendar: str = ""
    replaces: str = ""
    days: dict[date, _Change] = {}


def calendar_faults(ledger: Ledger, store: Store, pipeline: str) -> list[Fault]:
    """Return how a pipeline's calendar differs from the one that its last verification wrote.

    A missing calendar claims nothing, so it is no fault. If the stream of evidence is damaged, that is a fault of its
    own chain, and this returns nothing.

    :raises UnavailableError: the spool or a record cannot be read.
    """
    key, digest = key_of(pipeline), calendar_digest(store, pipeline)
    if not digest:
        return []
    try:
        last, states = _verified(ledger, store, pipeline)
    except SpoolDamagedError:
        return []
    if last is None or not last.calendar or digest == last.calendar:
        return []
    if digest == last.replaces and not _falsely_proven(Calendar.load(store, pipeline), states):
        return []
    wrong = f"is not what the verification of {text_of(last.time)} wrote{_difference(store, pipeline, states)}"
    return [Fault("damaged", f"{pipeline}/{CALENDAR}", 0, key, wrong)]


def calendar_digest(store: Store, pipeline: str) -> str:
    """Return the SHA-256 of a pipeline's calendar as it is stored; "" if there is none."""
    key = key_of(pipeline)
    is_kept = key in set(store.keys(f"{key.rpartition('/')[0]}/"))
    return hashlib.sha256(store.get(key)).hexdigest() if is_kept else ""


def vouched_for(ledger: Ledger, store: Store, pipeline: str, calendar: Calendar, fault: str) -> Calendar:
    """Return a calendar that was changed from outside, without the proven state of days that no event proves.

    :param fault: what is wrong with the calendar; becomes the reason of such days.
    :raises AuditError: as for :func:`calendar_faults`.
    """
    _, states = _verified(ledger, store, pipeline)
    days = dict(calendar.days)
    for day in _falsely_proven(calendar, states):
        days[day] = msgspec.structs.replace(days[day], state="read", reason=fault, proven_at=None)
    return msgspec.structs.replace(calendar, days=days)


def _verified(ledger: Ledger, store: Store, pipeline: str) -> tuple[_Verified | None, dict[date, DayState]]:
    """Return the last verification, and the state of each day according to all verifications."""
    last: _Verified | None = None
    states: dict[date, DayState] = {}
    for _, found in evidence_with(ledger, store, pipeline, VERIFICATION_ACTION, _Verified):
        last = found
        states |= {day: change.after for day, change in found.days.items()}
    return last, states


def _difference(store: Store, pipeline: str, states: Mapping[date, DayState]) -> str:
    """Return a text with the days that the calendar calls proven and the events do not; "" if there are none."""
    try:
        false = [str(day) for day in _falsely_proven(Calendar.load(store, pipeline), states)]
    except StopError:
        return ""
    if not false:
        return ""
    more = f" and {len(false) - _LISTED:,} more" if len(false) > _LISTED else ""
    return f": it says proven of {', '.join(false[:_LISTED])}{more}, and no verification says so"


def _falsely_proven(calendar: Calendar, states: Mapping[date, DayState]) -> list[date]:
    return [
        day for day, each in sorted(calendar.days.items()) if each.state == "proven" and states.get(day) != "proven"
    ]
