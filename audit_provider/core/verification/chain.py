"""Read one chain of segments from its head back to its beginning, and check the other files in its folder.

The folder holds two marks of retention: the number of the first segment, and the time of the last removal check.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.spool import Head
from audit_provider.core.spool.stream import OLDEST, PRUNED
from audit_provider.core.verification.report import Fault, VerifiedStream
from audit_provider.core.verification.segments import (
    FILE_NAME,
    Flaw,
    FlawError,
    SegmentRead,
    check_unclaimed,
    fetch,
    read_segment,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.spool.segment import Earlier


@dataclass(slots=True)
class ChainRead:
    """The result. :ivar chained: names of the manifests in the chain of the head."""

    stream: VerifiedStream
    chained: frozenset[str]
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class ChainReader:
    """Reads one chain again. It reports every fault and continues after it.

    :param folder: of the chain. :param names: of the files there.
    :param head: the committed head; None if not recorded: then the newest manifest without a successor is the head.
    :param take: called with every segment that is read, including its ids.
    :param due: returns by manifest whether its events are read too; if not, their file must at least exist.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        names: Sequence[str],
        *,
        head: Head | None,
        take: Callable[[SegmentRead], None],
        due: Callable[[Manifest], bool] = lambda _: True,
    ) -> None:
        self._due = due
        self._store = store
        self._folder = folder
        self._names = frozenset(names)
        self._head = head
        self._take = take
        self._faults: list[Fault] = []
        self._notes: list[str] = []
        self._strange: list[tuple[Flaw, int]] = []
        self._segments: dict[int, list[SegmentRead]] = {}
        self._followed: set[str] = set()
        self._faulty: set[int] = set()
        self._names_next: dict[Head, Earlier] = {}

    def read(self) -> ChainRead:
        """Read everything."""
        oldest, flaws = read_marks(self._store, self._folder, self._names)
        for flaw in flaws:
            self._fault(flaw, 0)
        kept: list[str] = []
        for name in sorted(self._names):
            match = FILE_NAME.fullmatch(name)
            if not match and name not in (OLDEST, PRUNED):
                self._fault(Flaw("foreign", name, "is no file of a spool"), 0)
            elif match and int(match[1]) < oldest:
                self._fault(
                    Flaw(
                        "foreign",
                        name,
                        f"lies before segment {oldest}, with which {self._folder}/{OLDEST} says that the chain begins",
                    ),
                    int(match[1]),
                )
            elif match:
                kept.append(name)
        for name in kept:
            if name.endswith(".manifest.json.gz"):
                self._read(name)
        self._whose()
        head = self._found_head()
        if oldest > max(head.number, 1):
            self._fault(Flaw("damaged", OLDEST, f"says that the chain begins with {oldest}, behind its head"), 0)
        chained = self._follow(head, oldest)
        self._compressed(chained)
        self._beside(kept, head, {segment.name for segment in chained})
        latest, _ = read_marks(self._store, self._folder, (OLDEST,))
        if latest > oldest:
            # Retention removed segments while they were read here.
            oldest = latest
            chained = [segment for segment in chained if segment.head.number >= oldest]
            self._faults = [fault for fault in self._faults if not 0 < fault.segment < oldest]
        manifests = [segment.manifest for segment in chained]
        return ChainRead(
            stream=VerifiedStream(
                stream=self._folder,
                head=head.number,
                sha256=head.digest,
                head_from="newest" if self._head is None else "record",
                oldest=oldest,
                segments=len(chained),
                events=sum(manifest.events for manifest in manifests),
                removed=manifests[-1].previous.total if manifests and manifests[-1].number == oldest else 0,
                bytes=sum(manifest.bytes for manifest in manifests),
                first_time=min((manifest.first_time for manifest in manifests), default=None),
                last_time=max((manifest.last_time for manifest in manifests), default=None),
            ),
            chained=frozenset(segment.name for segment in chained),
            faults=self._faults,
            notes=self._notes,
        )

    def _read(self, name: str) -> None:
        number = int(name[:12])
        try:
            segment = read_segment(self._store, self._folder, name, self._due)
        except FlawError as error:
            self._fault(error.flaw, number)
            return
        for flaw in segment.flaws:
            self._fault(flaw, number)
        if not segment.flaws and segment.manifest.data not in self._names:
            self._fault(Flaw("missing", segment.manifest.data, "is missing"), number)
        self._compare_named(segment)
        self._segments.setdefault(number, []).append(segment)
        self._followed.add(segment.manifest.previous.digest)
        self._take(segment)
        segment.ids = segment.events = ()

    def _compare_named(self, segment: SegmentRead) -> None:
        """Report a manifest that names other earlier segments than the previous manifest implies.

        A manifest of an earlier version names none.
        """
        number = segment.head.number
        self._names_next = {head: named for head, named in self._names_next.items() if head.number >= number - 1}
        expected = self._names_next.get(segment.manifest.previous, segment.named)
        if segment.named and segment.named != expected:
            wrong = "names other segments further back than the chain before it has"
            self._fault(Flaw("reordered", segment.name, wrong), number)
        self._names_next[segment.head] = segment.names_next
        segment.named = segment.names_next = ()

    def _found_head(self) -> Head:
        if self._head is not None:
            return self._head
        loose = [each for found in self._segments.values() for each in found if each.head.digest not in self._followed]
        if not loose:
            return Head()
        return max(loose, key=lambda each: (each.head.number, each.manifest.written_at)).head

    def _follow(self, head: Head, oldest: int) -> list[SegmentRead]:
        """Return the segments from ``head`` back to the oldest, following the link from each to the one before."""
        chained: list[SegmentRead] = []
        wanted: Head | None = head
        number = head.number
        while number >= oldest:
            segment = self._segment(number, wanted)
            if segment is None:
                number = self._missed(number, wanted, oldest)
                wanted = None
                continue
            previous = segment.manifest.previous
            if wanted is not None and wanted.total != segment.head.total:
                said = f"counts {segment.head.total:,} events up to it, but {wanted.total:,} are said to be"
                self._fault(Flaw("total", segment.name, said), number)
            if previous.number != number - 1 or (number == 1 and previous != Head()):
                said = f"says that segment {previous.number} lies before it"
                self._fault(Flaw("reordered", segment.name, said), number)
            chained.append(segment)
            wanted = previous
            number -= 1
        return chained

    def _segment(self, number: int, wanted: Head | None) -> SegmentRead | None:
        found = self._segments.get(number, [])
        if wanted is not None:
            return next((each for each in found if each.head.digest == wanted.digest), None)
        # The link to this segment is lost: continue with one to which no other segment links.
        loose = [each for each in found if each.head.digest not in self._followed]
        return max(loose, key=lambda each: each.manifest.written_at, default=None)

    def _missed(self, number: int, wanted: Head | None, oldest: int) -> int:
        """Report a missing segment ``number``, and return the number to continue with.

        If no link says which segment it was, all missing segments down to the next one are one fault.
        """
        if wanted is not None:
            if wanted.name not in self._names:
                self._fault(Flaw("missing", wanted.name, self._missing(number, oldest)), number)
            elif number not in self._faulty:
                wrong = "is not the one that was committed or that the next segment follows"
                self._fault(Flaw("damaged", wanted.name, wrong), number)
            return number - 1
        below = max((each for each in self._segments if each < number), default=oldest - 1)
        below = max(below, oldest - 1)
        # Files that exist and cannot be used were reported before.
        if any(each not in self._faulty for each in range(below + 1, number + 1)):
            name = f"{number:012d}-….manifest.json.gz"
            what = self._missing(below + 1, oldest)
            if below + 1 < number:
                what += f", as is every one down to segment {below + 1}"
            self._fault(Flaw("missing", name, what), number)
        return below

    def _missing(self, number: int, oldest: int) -> str:
        if number > oldest:
            return "is missing"
        mark = f"{self._folder}/{OLDEST}"
        if OLDEST in self._names:
            return f"is missing, although {mark} says that the chain begins with segment {oldest}"
        return f"is missing, and there is no {mark} to say that it was removed"

    def _beside(self, kept: Sequence[str], head: Head, chained: set[str]) -> None:
        """Report files that are not in the chain of the head."""
        claimed = {each.manifest.data for found in self._segments.values() for each in found}
        for found in self._segments.values():
            for segment in found:
                if segment.name not in chained:
                    self._note(segment.name, segment.head.number, head)
        for name in kept:
            if name.endswith(".ndjson.gz") and name not in claimed:
                number = int(name[:12])
                try:
                    check_unclaimed(self._store, self._folder, name)
                except FlawError as error:
                    self._fault(error.flaw, number)
                    continue
                if number <= head.number or self._head is not None:
                    if number not in self._faulty:
                        self._note(name, number, head)
                elif number not in self._faulty:
                    self._fault(
                        Flaw(
                            "unclaimed",
                            name,
                            "has no manifest: either a crash left it or its manifest is lost, which only Airflow's "
                            "record can tell",
                        ),
                        number,
                    )

    def _note(self, name: str, number: int, head: Head) -> None:
        if number > head.number:
            self._notes.append(f"{self._folder}/{name} is not committed: a run that is under way or was cut off.")
        else:
            self._notes.append(
                f"{self._folder}/{name} is not in the chain: a run was cut off, and another wrote it again."
            )

    def _whose(self) -> None:
        """Report for files in the wrong place to which segment their content belongs."""
        owners: dict[str, int] = {}
        for found in self._segments.values():
            for segment in found:
                owners[segment.head.digest] = owners[segment.manifest.sha256] = segment.head.number
        for name in self._names:
            if match := FILE_NAME.fullmatch(name):
                owners.setdefault(match[2], int(match[1]))
        for flaw, number in self._strange:
            owner = owners.get(flaw.holds, owners.get(flaw.holds[:16]))
            if owner is not None:
                moved = Flaw("reordered", flaw.name, f"holds what segment {owner} should")
                self._faults.remove(self._as_fault(flaw, number))
                self._fault(moved, number)

    def _compressed(self, chained: Sequence[SegmentRead]) -> None:
        """Report a manifest with the right text whose compressed bytes differ from those of its neighbours' compressor.

        Another build of the compressor makes other bytes from the same text, but then for more than one manifest.
        """
        others = 0
        for place, segment in enumerate(chained):
            near = [*chained[max(place - 1, 0) : place], *chained[place + 1 : place + 2]]
            if segment.reproduced:
                continue
            if near and all(each.reproduced for each in near):
                wrong = "holds the right text, but its compressed bytes are not what was written"
                self._fault(Flaw("damaged", segment.name, wrong), segment.head.number)
            else:
                others += 1
        if others:
            self._notes.append(
                f"{self._folder}: the text of {others} manifests is proven, but another build of the compressor made "
                f"their bytes, so that a flipped bit which changes no text would not show."
            )

    def _fault(self, flaw: Flaw, number: int) -> None:
        if number:
            self._faulty.add(number)
        if flaw.holds:
            self._strange.append((flaw, number))
        self._faults.append(self._as_fault(flaw, number))

    def _as_fault(self, flaw: Flaw, number: int) -> Fault:
        return Fault(flaw.kind, self._folder, number, f"{self._folder}/{flaw.name}", flaw.wrong)


_Mark = TypeVar("_Mark", int, datetime)


def read_marks(store: Store, folder: str, names: Collection[str]) -> tuple[int, list[Flaw]]:
    """Return the number of the oldest kept segment, and the flaws of the marks.

    :param names: of the files in the folder.
    """
    oldest, flaws = 1, []
    try:
        if OLDEST in names:
            number = _mark(store, folder, OLDEST, int)
            if number < 1:
                raise FlawError(Flaw("damaged", OLDEST, "is not what was written (no number of a segment)"))
            oldest = number
            if PRUNED not in names:
                flaws.append(Flaw("missing", PRUNED, f"is missing, although {OLDEST} is there"))
    except FlawError as error:
        flaws.append(error.flaw)
    try:
        if PRUNED in names:
            _mark(store, folder, PRUNED, datetime)
    except FlawError as error:
        flaws.append(error.flaw)
    return oldest, flaws


def _mark(store: Store, folder: str, name: str, kind: type[_Mark]) -> _Mark:
    content = fetch(store, folder, name)
    try:
        value = msgspec.json.decode(content, type=kind)
        if msgspec.json.encode(value) == content:
            return value
    except UNREADABLE:
        pass
    raise FlawError(Flaw("damaged", name, "is not what was written"))
