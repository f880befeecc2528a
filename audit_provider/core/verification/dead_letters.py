"""Read dead letters and redrive records again, and check each file with the ledger."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.spool import Head, Stream
from audit_provider.core.streams.dead_letters import DeadLetters, LetterProof
from audit_provider.core.streams.letter_files import LETTERS, RECORD, Letter, RedriveRecord, digest_of_places
from audit_provider.core.streams.open_stream import proven_head
from audit_provider.core.verification.report import Fault
from audit_provider.core.verification.segments import Flaw, FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audit_provider.core.destinations.base import Place
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Offset
    from audit_provider.core.spool import Store


def read_letters(store: Store, folder: str, name: str) -> list[Letter]:
    """Return the letters of a file.

    The file's name contains their number and a digest of the places of their events. The destination's answers in the
    letters cannot be proven.

    :raises FlawError: it is not what was written.
    """
    named = LETTERS.fullmatch(name)
    if named is None:
        raise FlawError(Flaw("foreign", name, "is no file of dead letters"))
    try:
        found = _decode_letters(fetch(store, folder, name))
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as dead letters")) from None
    if len(found) != int(named[1]):
        raise FlawError(Flaw("total", name, f"holds {len(found)} letters of {int(named[1])}"))
    if digest_of_places(found) != named[2]:
        raise FlawError(Flaw("damaged", name, "holds letters of other events than its name says"))
    return found


def read_record(store: Store, folder: str, name: str) -> RedriveRecord:
    """Return the record of a redrive. Its file name contains a digest of its content.

    :raises FlawError: it is not what was written.
    """
    named = RECORD.fullmatch(name)
    if named is None:
        raise FlawError(Flaw("foreign", name, "is no record of dead letters that were sent again"))
    content = fetch(store, folder, name)
    if hashlib.sha256(content).hexdigest()[:16] != named[1]:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)"))
    try:
        return _decode_record(content)
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as a redrive record")) from None


_decode_letters = msgspec.json.Decoder(Letter).decode_lines
_decode_record = msgspec.json.Decoder(RedriveRecord).decode


@dataclass(slots=True)
class Vouched:
    """The result. :ivar closing: keys of the redrive records that close letters; other records prove nothing."""

    closing: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_beside(
    store: Store,
    folder: str,
    position: Position | None,
    offsets: Mapping[str, Offset | None],
    keys: Iterable[str],
) -> Vouched:
    """Compare the files of dead letters of one stream with the ledger's records.

    :param folder: of the stream, such as ``slack/live``. :param position: of the stream, None if it was deleted.
    :param offsets: by destination, None for one without an offset; destinations that are not named cannot be checked.
    :param keys: of the objects in the folders ``dead`` of the stream's chains.
    :raises AuditError: the spool cannot be read.
    """
    found = Vouched()
    beside: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        chain, _, name = key[len(folder) + 1 :].partition("/dead/")
        beside[chain, name.partition("/")[0]].append(key)
    for destination, offset in offsets.items():
        for each in (offset, *offset.earlier) if offset else ():
            beside.setdefault((each.chain, destination), [])
    for (chain, destination), files in sorted(beside.items()):
        if destination not in offsets:
            found.closing.update(files)
            continue
        kept = offsets[destination]
        offset = kept.in_chain(chain) if kept else None
        if offset is None:
            if position is None or chain != position.chain:
                wrong = "lies in a chain of segments that no record of Airflow knows: it is never sent"
                found.faults += [Fault("foreign", f"{folder}/{chain}", 0, each, wrong) for each in files]
            continue
        _check(store, f"{folder}/{chain}" if chain else folder, position, destination, offset, files, found)
    return found


def _check(
    store: Store,
    place: str,
    position: Position | None,
    destination: str,
    offset: Offset,
    files: list[str],
    found: Vouched,
) -> None:
    stream = Stream(store, place)
    letters = DeadLetters(stream, destination, (offset.segment, offset.index), offset)
    try:
        closing = {f"{place}/{name}" for name in letters.record_names()}
    except SpoolDamagedError as error:
        found.faults.append(
            Fault("missing", place, 0, f"{place}/dead/{destination}/redriven", f"is not whole: {error}")
        )
        closing = set()
    found.closing |= closing
    for key in files:
        if RECORD.fullmatch(key.rpartition("/")[2]) and key not in closing:
            wrong = "is no redrive record that Airflow's record of the offset leads to: it closes no dead letter"
            found.faults.append(Fault("foreign", place, 0, key, wrong))
    proof = LetterProof(stream, proven_head(position, offset.chain, offset) or Head(), letters.linked(offset.letters))
    proven: set[tuple[Place, str]] = set()
    unproven = 0
    for name in letters.names():
        try:
            for letter in letters.read(name):
                event = proof.event(name, letter)
                if event is None:
                    unproven += 1
                    # Letters of an earlier version are not linked, and stay longer than their segments.
                    if not offset.letters and letter.segment < stream.oldest():
                        proven.add((letter.place, letter.id))
                    continue
                proven.add((letter.place, letter.id))
                if bytes(event.raw) != bytes(letter.event):
                    wrong = f"is not the event {letter.index} of segment {letter.segment}, which is sent instead"
                    found.faults.append(Fault("damaged", place, letter.segment, f"{place}/{name}", wrong))
        except SpoolDamagedError:
            continue  # the fault is reported when the file, or the segment, is checked itself
    wanted = offset.counts.set_aside - offset.again
    if len(proven) < wanted:
        wrong = f"holds {len(proven):,} dead letters, but Airflow's record of the offset counts {wanted:,} set aside"
        found.faults.append(Fault("missing", place, 0, f"{place}/dead/{destination}", wrong))
    if unproven:
        found.notes.append(
            f"{place}/dead/{destination}: {unproven:,} dead letters are proven neither by the segments that are kept "
            f"nor by Airflow's record of the offset: they are not sent."
        )
