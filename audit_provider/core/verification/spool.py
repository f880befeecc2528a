"""Verify a whole spool or one pipeline's part of it, and the files of counts that the last report has written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from audit_provider.core.ledger.position import begun_at
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import back_by, text_of, utc_now
from audit_provider.core.monitoring import activity
from audit_provider.core.spool.stream import OLDEST, PRUNED, SHORTEST
from audit_provider.core.streams.letter_files import INDEX
from audit_provider.core.streams.unreadable import FOLDER, unpack_unreadable
from audit_provider.core.transparency.tree import TREE
from audit_provider.core.verification.arrival import FILTERED, PENDING, SAME_ID, SET_ASIDE, IdBuckets, digest_of, tally
from audit_provider.core.verification.chain import ChainReader
from audit_provider.core.verification.dead_letters import check_beside, read_letters, read_record
from audit_provider.core.verification.report import Fault, Verification
from audit_provider.core.verification.segments import FILE_NAME, Flaw, FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.verification.arrival import Arrival, Contents
    from audit_provider.core.verification.chain import ChainRead
    from audit_provider.core.verification.report import VerifiedStream
    from audit_provider.core.verification.segments import SegmentRead

LeftOut = Callable[[str, "Manifest", int, "Event"], bool]
"""Whether a destination's filters left out an event: folder of its stream, its manifest, its index in it, the event."""

_STREAM_DEPTH = 2
_RENAMED = re.compile(r"(.+)-[0-9a-f]{32}", re.DOTALL)
"""The name of an event whose id another event has."""

_BESIDE = ("activity", "calendar", "reports")
_REDRIVEN = "/redriven"
_UNREADABLE = f"/{FOLDER.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class Progress:
    """The ledger's records of a stream.

    :ivar offset: of the destination that is compared, None if it has none.
    :ivar removed: number of the first segment that retention has kept, None if not recorded.
    :ivar offsets: of other destinations, None for one without an offset: their dead letters are compared too.
    """

    position: Position
    offset: Offset | None = None
    offsets: Mapping[str, Offset | None] = field(default_factory=dict)
    removed: int | None = None


def streams_in(store: Store, pipeline: str = "") -> list[str]:
    """Return the folders of the streams in a spool, such as ``slack/live``.

    :param pipeline: only this one's; "" for all.
    :raises AuditError: the spool cannot be listed.
    """
    prefix = f"{pipeline}/" if pipeline else ""
    parts = (key.split("/") for key in store.keys(prefix) if not _is_beside(key))
    return sorted({"/".join(each[:_STREAM_DEPTH]) for each in parts if len(each) > _STREAM_DEPTH})


def verify(
    store: Store,
    *,
    pipeline: str = "",
    progress: Mapping[str, Progress] | None = None,
    arrival: Arrival | None = None,
    destination: str = "",
    now: Callable[[], datetime] = utc_now,
    due: Callable[[str, Manifest], bool] = lambda *_: True,
    left_out: LeftOut = lambda *_: False,
    offsets_alone: Mapping[str, Mapping[str, Offset | None]] | None = None,
) -> Verification:
    """Read everything again: digests, links, counts, ids; report every fault and continue after it.

    :param pipeline: only this one's streams; "" for all.
    :param progress: the recorded progress, by folder of the stream. It must be read before this call, so that segments
        that a pull adds meanwhile count as not committed yet. Without a record, the newest manifest counts.
    :param arrival: the destination with which ids are compared.
    :param destination: its name in the pipelines file, to distinguish its dead letters and pending events from missing
        ones.
    :param due: returns by folder of a chain and manifest whether its events are read too. The manifests are always all
        read.
    :param left_out: whether the destination's filters left out an event that it has passed.
    :param offsets_alone: offsets of streams whose position was deleted, by folder and destination: their dead letters
        are compared.
    :raises AuditError: the spool or the destination cannot be read.
    """
    began = now()
    with IdBuckets() as buckets:
        contents = getattr(arrival, "contents", None)
        known, alone = progress or {}, offsets_alone or {}
        reading = _Reading(store, buckets, known, destination, began, contents, due, left_out, alone)
        reading.read(pipeline)
        ids, arrived = tally(buckets, reading.owners(), arrival)
    return Verification(
        spool=str(store),
        pipeline=pipeline,
        begun_at=began,
        ended_at=now(),
        streams=tuple(reading.streams),
        faults=tuple(reading.faults),
        notes=tuple(reading.notes),
        dead_letters=reading.dead_letters,
        discarded=reading.discarded,
        ids=ids,
        arrival=arrived,
    )


class _Reading:
    """Reads every chain of a spool, one after the other."""

    def __init__(
        self,
        store: Store,
        buckets: IdBuckets,
        progress: Mapping[str, Progress],
        destination: str,
        now: datetime,
        contents: Contents | None,
        due: Callable[[str, Manifest], bool],
        left_out: LeftOut,
        offsets_alone: Mapping[str, Mapping[str, Offset | None]],
    ) -> None:
        self._offsets_alone = offsets_alone
        self._due = due
        self._left_out = left_out
        self._contents = contents
        self._store = store
        self._buckets = buckets
        self._streams = progress
        self._now = now
        self._progress = {_chain(folder, each.position): each for folder, each in progress.items()}
        self._destination = destination
        self._places: list[tuple[str, str]] = []
        self._chained: dict[str, frozenset[str]] = {}
        self._taken: set[tuple[str, int]] = set()
        self._discarded: set[tuple[str, int]] = set()
        self.streams: list[VerifiedStream] = []
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        self.dead_letters = 0
        self.discarded = 0

    def read(self, pipeline: str) -> None:
        """Read everything of ``pipeline``, or of all pipelines if it is ""."""
        names: dict[str, list[str]] = defaultdict(list)
        beside: list[tuple[str, str, str]] = []
        for key in self._store.keys(f"{pipeline}/" if pipeline else ""):
            if _is_beside(key):
                continue
            folder, _, name = key.rpartition("/")
            if folder.endswith(_UNREADABLE) and folder.count("/") >= _STREAM_DEPTH:
                self._read_unreadable(folder.removesuffix(_UNREADABLE), key)
                continue
            chain, _, letters = folder.partition("/dead/")
            if letters and chain.count("/") >= _STREAM_DEPTH - 1:
                beside.append((chain, key, letters))
            elif FILE_NAME.fullmatch(name) or name in (OLDEST, PRUNED) or folder in self._progress or folder in names:
                names[folder].append(name)
            else:
                self.faults.append(Fault("foreign", folder, 0, key, "is no file of a spool"))
        closing = self._vouched([key for _, key, _ in beside])
        # Redrive records first: a redriven letter was delivered, so it does not explain an event that the destination
        # lacks.
        for each_file in sorted(beside, key=lambda file: not file[2].endswith(_REDRIVEN)):
            self._read_letters(*each_file, closing)
        for folder, each in self._progress.items():
            if each.position.head.number:
                names.setdefault(folder, [])
        for folder in sorted(names):
            self._take(folder, self._read_chain(folder, names[folder]))

    def owners(self) -> list[str | None]:
        """Return the chain's folder of each place; None if its segment is in no chain or its ids are not expected."""
        return [
            folder if name in self._chained[folder] and self._is_expected(folder) else None
            for folder, name in self._places
        ]

    def _is_expected(self, folder: str) -> bool:
        """Whether a destination must have a chain's events: evidence is only sent if the pipeline is configured so."""
        pipeline, below, *_ = folder.split("/")
        name = StreamName.of_folder(pipeline, below)
        if name is None or not name.is_evidence:
            return True
        recorded = self._streams.get(name.folder)
        return recorded is not None and recorded.offset is not None

    def _read_chain(self, folder: str, names: list[str]) -> ChainRead:
        recorded = self._progress.get(folder)

        def take(segment: SegmentRead) -> None:
            self._places.append((folder, segment.name))
            self._add(len(self._places) - 1, folder, segment)
            offset = recorded.offset if recorded else None
            if recorded and self._destination and (offset is None or segment.head.number >= offset.segment):
                shipped = offset.index if offset and offset.segment == segment.head.number else 0
                self._buckets.add(PENDING, segment.ids[shipped:])
            if recorded and recorded.offset:
                stream, manifest = "/".join(folder.split("/")[:_STREAM_DEPTH]), segment.manifest
                left = (
                    event.id
                    for index, event in enumerate(segment.events)
                    if self._left_out(stream, manifest, index, event)
                )
                self._buckets.add(FILTERED, left)

        head = recorded.position.head if recorded else None
        due = partial(self._due, folder)
        return ChainReader(self._store, folder, names, head=head, take=take, due=due).read()

    def _add(self, place: int, folder: str, segment: SegmentRead) -> None:
        """Add the ids of a segment, and digests of its events if contents are compared."""
        if self._contents is None or len(segment.events) != len(segment.ids):
            self._buckets.add(place, segment.ids)
            return
        stream = "/".join(folder.split("/")[:_STREAM_DEPTH])
        said = [
            tuple({digest_of(each) for each in self._contents(stream, segment.head.number, event)})
            for event in segment.events
        ]
        self._buckets.add(place, segment.ids, said)
        for name, digests in zip(segment.ids, said, strict=True):
            if own := _RENAMED.fullmatch(name):
                self._buckets.add(SAME_ID, (own[1],), (digests,))

    def _take(self, folder: str, found: ChainRead) -> None:
        self.streams.append(found.stream)
        self.faults += found.faults
        self.notes += found.notes
        self._chained[folder] = found.chained
        recorded = self._progress.get(folder)
        if recorded and (wrong := self._not_removed(recorded, found.stream.oldest)):
            self.faults.append(Fault("missing", folder, found.stream.oldest, f"{folder}/{OLDEST}", wrong))
        if recorded and recorded.position.counts.spooled != recorded.position.head.total:
            wrong = (
                f"leads to {recorded.position.head.total:,} events, but {recorded.position.counts.spooled:,} are "
                f"recorded as spooled"
            )
            self.faults.append(Fault("total", folder, found.stream.head, "Airflow's record of the head", wrong))

    def _not_removed(self, recorded: Progress, oldest: int) -> str:
        """Return why retention cannot have removed the segments before the oldest; "" if it can."""
        said = f"says that the segments before {oldest} were removed, but"
        if oldest == 1:
            return ""
        if recorded.removed is not None:
            if oldest <= recorded.removed:
                return ""
            return f"{said} by Airflow's record retention has removed only those before {recorded.removed}"
        begun = begun_at(recorded.position.chain)
        if begun and begun > back_by(self._now, SHORTEST):
            return f"{said} the chain was begun at {text_of(begun)}, and nothing of it can be old enough"
        offset = recorded.offset
        if offset and offset.chain == recorded.position.chain and offset.segment < oldest:
            return f"{said} {self._destination} has got only those before {offset.segment}"
        return ""

    def _vouched(self, keys: list[str]) -> set[str]:
        """Compare files of dead letters with the ledger; return the keys of the redrive records that close letters."""
        closing = set(keys)
        known: dict[str, tuple[Position | None, Mapping[str, Offset | None]]] = {
            folder: (None, offsets) for folder, offsets in self._offsets_alone.items()
        }
        for folder, each in self._streams.items():
            compared = {self._destination: each.offset} if self._destination else {}
            known[folder] = each.position, {**compared, **each.offsets}
        for folder, (position, offsets) in known.items():
            own = [key for key in keys if key.startswith(f"{folder}/")]
            found = check_beside(self._store, folder, position, offsets, own)
            self.faults += found.faults
            self.notes += found.notes
            closing -= set(own) - found.closing
        pipelines = {folder.partition("/")[0] for folder in known}
        for key in keys:
            folder = "/".join(key.split("/")[:_STREAM_DEPTH])
            if folder not in known and folder.partition("/")[0] in pipelines:
                wrong = "lies in a stream that no record of Airflow knows: it is never sent"
                self.faults.append(Fault("foreign", folder, 0, key, wrong))
        return closing

    def _read_letters(self, chain: str, key: str, letters: str, closing: Collection[str]) -> None:
        """Count the open dead letters in a file beside a chain, or apply a redrive record."""
        folder, _, name = key.rpartition("/")
        try:
            if letters.endswith(_REDRIVEN):
                record = read_record(self._store, folder, name)
                if key not in closing:
                    return
                self._taken.update((f"{chain}/{line.name}", line.number) for line in record.taken)
                self._discarded.update((f"{chain}/{line.name}", line.number) for line in record.discarded)
                return
            lines = [
                ((key, number), letter.id)
                for number, letter in enumerate(read_letters(self._store, folder, name))
                if (key, number) not in self._taken
            ]
        except FlawError as error:
            self.faults.append(Fault(error.flaw.kind, chain, 0, key, error.flaw.wrong))
            return
        gone = sum(place in self._discarded for place, _ in lines)
        self.dead_letters += len(lines) - gone
        self.discarded += gone
        if letters.split("/")[0] == self._destination:
            self._buckets.add(SET_ASIDE, [event for _, event in lines])

    def _read_unreadable(self, chain: str, key: str) -> None:
        """Check that a file with an unreadable record of a source is as it was written."""
        folder, _, name = key.rpartition("/")
        try:
            if unpack_unreadable(fetch(self._store, folder, name), name) is None:
                raise FlawError(Flaw("damaged", name, "is not the unreadable record that was kept"))
        except FlawError as error:
            self.faults.append(Fault(error.flaw.kind, chain, 0, key, error.flaw.wrong))


def _is_beside(key: str) -> bool:
    """Whether an object is of no stream: counts, reports, the index of letters, and trees are derived from streams."""
    parts = key.split("/")
    if len(parts) > _STREAM_DEPTH and parts[1] in (INDEX, TREE):
        return True
    return len(parts) == _STREAM_DEPTH + 1 and parts[1] in _BESIDE


def _chain(folder: str, position: Position) -> str:
    return f"{folder}/{position.chain}" if position.chain else folder


def check_counts(store: Store, pipeline: str, vouched: Mapping[str, str]) -> list[Fault]:
    """Compare the files of counts of a pipeline with the ledger.

    :param vouched: recorded digests of the files, by name; empty if nothing is recorded.
    :raises AuditError: the spool cannot be listed.
    """
    folder, faults = f"{pipeline}/{activity.FOLDER}", []
    if not vouched:
        return []
    for name, digest in vouched.items():
        try:
            if activity.digest_of(fetch(store, folder, name)) != digest:
                wrong = "is not what the last report has left: events of that day may be counted wrongly"
                faults.append(Fault("damaged", folder, 0, f"{folder}/{name}", wrong))
        except FlawError as error:
            faults.append(Fault(error.flaw.kind, folder, 0, f"{folder}/{name}", error.flaw.wrong))
    others = sorted(activity.Activity(store, pipeline).names() - vouched.keys())
    return [*faults, *(Fault("foreign", folder, 0, f"{folder}/{name}", "was written by no report") for name in others)]
