"""Compare the spool's ids with those of a destination, in memory that does not grow with their number."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from audit_provider.core.errors import UnavailableError
from audit_provider.core.model import Event
from audit_provider.core.verification.report import VerifiedArrival, VerifiedIds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import TextIO

_BUCKETS = 256
_KEPT_IN_MEMORY = 100_000

_encode = msgspec.json.Encoder().encode
_decode_lines = msgspec.json.Decoder(tuple[int, str, tuple[str, ...]]).decode_lines
_DIGEST_BYTES = 12


def digest_of(content: bytes) -> str:
    """Return a short digest of an event's content, for comparison."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class IdBucket(dict[str, list[int]]):
    """Ids, and the places where each was found.

    :ivar contents: by id, places with the digests of the contents found there; places without known digests are left
        out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contents: dict[str, list[tuple[int, tuple[str, ...]]]] = {}


class IdBuckets:
    """Ids, each with the number of the place where it was found.

    Beyond a hundred thousand, they are written to files in a private temporary folder, sorted into buckets by a hash of
    the id. So all entries of one id are in one bucket, and one bucket is read at a time. The folder is removed at the
    end of the ``with`` block.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="audit-verify-")
        self._lines: list[list[bytes]] = [[] for _ in range(_BUCKETS)]
        self._written: set[int] = set()
        self._count = 0

    def __enter__(self) -> IdBuckets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, place: int, ids: Iterable[str], contents: Iterable[tuple[str, ...]] = ()) -> None:
        """Add ids that were found at ``place``.

        :param contents: digests of the content of each id there; may be shorter than ``ids``.
        :raises UnavailableError: the disk is full.
        """
        for name, digests in zip(ids, chain(contents, repeat(())), strict=False):
            self._lines[zlib.crc32(name.encode()) % _BUCKETS].append(_encode((place, name, digests)))
            self._count += 1
        if self._count >= _KEPT_IN_MEMORY:
            self._flush()

    def __iter__(self) -> Iterator[IdBucket]:
        """Yield each bucket."""
        for number, lines in enumerate(self._lines):
            # A small number of ids needs no file.
            content = self._path(number).read_bytes() if number in self._written else b""
            content += b"\n".join(lines)
            if content:
                bucket = IdBucket()
                for place, name, digests in _decode_lines(content):
                    bucket.setdefault(name, []).append(place)
                    if digests:
                        bucket.contents.setdefault(name, []).append((place, digests))
                yield bucket

    def _flush(self) -> None:
        try:
            for number, lines in enumerate(self._lines):
                if lines:
                    with self._path(number).open("ab") as file:
                        file.write(b"\n".join(lines) + b"\n")
                    self._written.add(number)
                    lines.clear()
        except OSError as error:
            raise UnavailableError(
                f"the temporary folder {self._folder.name} cannot be written ({error.strerror}): free it, or set "
                f"TMPDIR to another place."
            ) from None
        self._count = 0

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number:03d}"


SET_ASIDE, PENDING, THERE, SAME_ID, FILTERED = -1, -2, -3, -4, -5
"""Places that are no segment: dead letters, not shipped yet, the destination, the vendor's id of a renamed event, and
what filters left out.

An event is renamed if another event has the same id.
"""

_FIRST = 20

Contents = Callable[[str, int, Event], Iterable[bytes]]
"""Returns the contents under which a destination may store an event, given its stream's folder and segment number."""


class Arrival(Protocol):
    """A destination that can be asked for ids."""

    @property
    def where(self) -> str:
        """Its address, for the report."""

    @property
    def tells_all(self) -> bool:
        """Whether :meth:`gather` finds every id there, so that ids that are missing in the spool are counted too."""

    @property
    def contents(self) -> Contents | None:
        """Contents to compare in addition to ids; None to compare only ids."""

    @property
    def missing(self) -> TextIO | None:
        """File to which the missing ids are written, one per line; None for none."""

    def gather(self, ids: IdBuckets) -> Sequence[str]:
        """Add the destination's ids to ``ids``, at the place :data:`THERE`; return faults, one sentence each."""

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Return how many times each of the ids is there, if :meth:`gather` does not find this."""

    def said(self, name: str) -> Collection[str]:
        """Return digests of the contents stored under an id of the last count; none if they cannot be compared."""


def tally(
    buckets: IdBuckets, owners: Sequence[str | None], arrival: Arrival | None
) -> tuple[VerifiedIds, VerifiedArrival | None]:
    """Return the result for all ids.

    :param owners: the folder of the chain of each place; None for a place that does not count.
    """
    faults = arrival.gather(buckets) if arrival else ()
    ids: Counter[str] = Counter()
    met: Counter[str] = Counter()
    first: list[str] = []
    altered: list[str] = []
    compares = arrival is not None and getattr(arrival, "contents", None) is not None
    for bucket in buckets:
        expected: list[str] = []
        for name, places in bucket.items():
            folders = Counter(folder for place in places if place >= 0 and (folder := owners[place]))
            if folders:
                expected.append(name)
                pipelines = Counter(folder.split("/")[0] for folder in folders)
                ids["repeated"] += folders.total() - len(folders)
                ids["in_several_streams"] += any(count > 1 for count in pipelines.values())
            elif THERE in places:
                met["extra"] += 1
        ids["distinct"] += len(expected)
        if arrival:
            counts = (
                {name: bucket[name].count(THERE) for name in expected} if arrival.tells_all else arrival.count(expected)
            )
            for name in expected:
                fate = _fate(counts.get(name, 0), bucket[name])
                met[fate] += 1
                if fate == "found" and compares:
                    met_there = [*bucket.contents.get(name, ())]
                    if not arrival.tells_all and (digests := arrival.said(name)):
                        met_there.append((THERE, tuple(digests)))
                    said = _compared(met_there, owners)
                    met["compared"] += said is not None
                    met["altered"] += said is False
                    if said is False and len(altered) < _FIRST:
                        altered.append(name)
                met["several_times"] += counts.get(name, 0) > 1
                if fate == "missing":
                    if len(first) < _FIRST:
                        first.append(name)
                    if arrival.missing:
                        arrival.missing.write(f"{name}\n")
    verified = VerifiedIds(ids["distinct"], ids["repeated"], ids["in_several_streams"])
    if arrival is None:
        return verified, None
    return verified, VerifiedArrival(
        where=arrival.where,
        expected=ids["distinct"],
        found=met["found"],
        missing=met["missing"],
        set_aside=met["set_aside"],
        pending=met["pending"],
        several_times=met["several_times"],
        extra=met["extra"] if arrival.tells_all else None,
        first_missing=tuple(first),
        compared=met["compared"] if compares else None,
        altered=met["altered"],
        first_altered=tuple(altered),
        faults=tuple(faults),
        filtered=met["filtered"],
    )


def _compared(met: Iterable[tuple[int, tuple[str, ...]]], owners: Sequence[str | None]) -> bool | None:
    """Return whether the destination stores only the spool's contents under an id; None if not known."""
    spooled: set[str] = set()
    there: set[str] = set()
    for place, digests in met:
        if place == THERE:
            there.update(digests)
        elif place == SAME_ID or (place >= 0 and owners[place]):
            spooled.update(digests)
    return there <= spooled if there and spooled else None


def _fate(count: int, places: Sequence[int]) -> str:
    if count:
        return "found"
    if SET_ASIDE in places:
        return "set_aside"
    if PENDING in places:
        return "pending"
    return "filtered" if FILTERED in places else "missing"
