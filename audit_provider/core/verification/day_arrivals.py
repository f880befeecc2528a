"""Ask a destination for the events of some days; used by the scheduled verification for recently spooled events.

An event is searched for by a *key*. In Elasticsearch and OpenSearch, the key is its id. In a bucket, it is its id if
the format writes that at a known path, else the digest of its line. Only the partitions of the days are read from a
bucket.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from isal import igzip
from isal.igzip_lib import IsalError

from audit_provider.core.errors import UNREADABLE, UnavailableError
from audit_provider.core.spool import S3Store
from audit_provider.core.text.loose_json import decoded
from audit_provider.core.verification.arrival import THERE, digest_of
from audit_provider.core.verification.documents import record_in, records_of
from audit_provider.core.verification.segments import FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from audit_provider.core.model import Event
    from audit_provider.core.verification.arrival import Contents, IdBuckets
    from audit_provider.core.verification.documents import DocumentSearch

_OWN_NAME = re.compile(r"-[0-9a-f]{32}$")
"""The end of the name of an event whose id another event has."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a destination answered for the events of a day.

    :ivar at: when it was asked. :ivar events: number of confirmed events that it was asked for.
    :ivar missing: events of these that it does not have. :ivar altered: events under whose id it has another content.
    :ivar first: id of the first event that is missing or altered.
    :ivar why_not: why it was not asked; "" if it was. :ivar later: whether the next run asks again.
    """

    at: datetime
    events: int = 0
    missing: int = 0
    altered: int = 0
    first: str = ""
    why_not: str = ""
    later: bool = False

    @property
    def lacks(self) -> str:
        """A sentence about missing and altered events; "" if there are none."""
        parts = [f"{self.missing:,} are missing"] if self.missing else []
        parts += [f"{self.altered:,} are altered"] if self.altered else []
        if not parts:
            return ""
        return f"{' and '.join(parts)} of {self.events:,} events that it confirmed, the first: {self.first}"


class DayArrival(Protocol):
    """A destination that can be asked for the events of some days."""

    @property
    def tells_all(self) -> bool:
        """Whether :meth:`gather` finds the keys; otherwise :meth:`count` does."""

    @property
    def by_content(self) -> bool:
        """Whether a key is the digest of what was sent; otherwise it is the event's id."""

    def key(self, folder: str, segment: int, event: Event) -> tuple[str, Sequence[str]] | None:
        """Return an event's key, and digests of the contents that may be stored; None if it is never sent.

        If the key is the content, the event's id takes the place of the digests.

        :param folder: of its stream. :param segment: number of its segment.
        """

    def gather(self, ids: IdBuckets, days: Collection[date]) -> None:
        """Add the destination's keys of some days, at the place ``THERE``.

        :raises AuditError: it does not answer, or answers only in part.
        """

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Return how many times each of the keys is there."""

    def said(self, name: str) -> Collection[str]:
        """Return digests of the contents stored under a key of the last count."""


def place_of(day: date) -> int:
    """Return the number of the place that represents a day in the buckets."""
    return day.toordinal()


def answered(ids: IdBuckets, arrival: DayArrival, days: Collection[date], now: datetime) -> dict[date, Asked]:
    """Ask a destination for the events of some days.

    :param ids: holds their keys, each at the :func:`place_of` its day.
    :raises AuditError: it does not answer, or answers only in part.
    """
    arrival.gather(ids, days)
    ordinals = {place_of(day): day for day in days}
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    first: dict[date, str] = {}
    for bucket in ids:
        wanted = {
            key: [place for place in places if place in ordinals]
            for key, places in bucket.items()
            if not ordinals.keys().isdisjoint(places)
        }
        found = arrival.count(wanted) if not arrival.tells_all else {key: bucket[key].count(THERE) for key in wanted}
        for key, places in wanted.items():
            met = bucket.contents.get(key, [])
            if arrival.by_content:
                fates = list(_fates_of_equal(met, ordinals, found.get(key, 0)))
            else:
                fate = "found" if found.get(key) else "missing"
                if fate == "found" and _differs(met, arrival.said(key)):
                    fate = "altered"
                fates = [(place, key, fate) for place in places]
            for place, name, fate in fates:
                day = ordinals[place]
                counts[day]["events"] += 1
                counts[day][fate] += 1
                if fate != "found":
                    first.setdefault(day, name)
    return {
        day: Asked(now, count["events"], count["missing"], count["altered"], first.get(day, ""))
        for day, count in counts.items()
    }


def _fates_of_equal(
    met: Iterable[tuple[int, tuple[str, ...]]], days: Collection[int], count: int
) -> Iterator[tuple[int, str, str]]:
    """Yield the place, the id and the fate of each event with one content.

    Equal records without an id are several events, and the destination must hold the same number.
    :param days: places of days. :param count: how many times the content is there.
    """
    names: dict[str, int] = {}
    for place, digests in met:
        if place in days:
            # The same event may have the plain id in one stream and a derived name in another.
            number = names.setdefault(_OWN_NAME.sub("", digests[0]), len(names))
            yield place, digests[0], "found" if number < count else "missing"


def _differs(met: Iterable[tuple[int, tuple[str, ...]]], said: Iterable[str]) -> bool:
    """Whether a destination stores a content under a key that no event with that key has in the spool."""
    spooled: set[str] = set()
    there = set(said)
    for place, digests in met:
        (there if place == THERE else spooled).update(digests)
    return bool(there and spooled) and not there <= spooled


class DayDocuments:
    """An index or a data stream. :param contents: yields the contents under which an event may be stored."""

    tells_all = by_content = False

    def __init__(self, found: DocumentSearch, contents: Contents) -> None:
        self._found = found
        self._contents = records_of(contents)

    def key(self, folder: str, segment: int, event: Event) -> tuple[str, Sequence[str]]:
        """Return its id, and digests of its record."""
        return event.id, sorted({digest_of(each) for each in self._contents(folder, segment, event)})

    def gather(self, ids: IdBuckets, days: Collection[date]) -> None:
        """Do nothing: :meth:`count` finds the keys."""

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """See :class:`~audit_provider.core.verification.documents.DocumentSearch`."""
        return self._found.count(ids) if ids else {}

    def said(self, name: str) -> Collection[str]:
        """See :class:`~audit_provider.core.verification.documents.DocumentSearch`."""
        return self._found.said(name)


class DayObjects:
    """A bucket whose objects are gzip NDJSON in partitions by day.

    :param client: a boto3 S3 client. :param folders: returns the partitions of a day, as keys that end in ``/``.
    :param contents: yields the contents under which an event may be stored: as it came, then as it is sent.
    :param id_at: where the format writes the event's id; "" to search for the whole line.
    """

    tells_all = True

    def __init__(
        self,
        client: Any,
        bucket: str,
        folders: Callable[[date], Iterable[str]],
        contents: Contents,
        *,
        id_at: str = "",
    ) -> None:
        self._store = S3Store(client, bucket, "", name="the destination")
        self._folders = folders
        self._contents = contents
        self._records = records_of(contents)
        self._id_at = id_at.split(".") if id_at else []
        self.by_content = not id_at

    def key(self, folder: str, segment: int, event: Event) -> tuple[str, Sequence[str]] | None:
        """Return the digest of its line and its id, or its id and digests of its record."""
        if self._id_at:
            return event.id, sorted({digest_of(each) for each in self._records(folder, segment, event)})
        _, *sent = self._contents(folder, segment, event)
        return (digest_of(sent[0]), (event.id,)) if sent else None

    def gather(self, ids: IdBuckets, days: Collection[date]) -> None:
        """Read the objects of the days. An object that cannot be decompressed holds no shipped event.

        :raises AuditError: the bucket does not answer.
        """
        for folder in dict.fromkeys(folder for day in sorted(days) for folder in self._folders(day)):
            for name in self._store.keys(folder):
                if not name.endswith((".ndjson.gz", ".json.gz")):
                    continue
                for key, digests in self._read(name):
                    ids.add(THERE, [key], [digests])

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Have nothing to add."""
        return {}

    def said(self, name: str) -> Collection[str]:
        """Have nothing to add."""
        return ()

    def _read(self, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        folder, _, name = key.rpartition("/")
        try:
            plain: bytes = igzip.decompress(fetch(self._store, folder, name))  # type: ignore[no-untyped-call]
        except FlawError as error:
            if error.flaw.kind == "unread":
                raise UnavailableError(f"the object {key} gave no answer: {error.flaw.wrong}.") from None
            return
        except (EOFError, OSError, IsalError):  # type: ignore[misc]
            return
        is_archived = name.endswith(".json.gz") and not name.endswith(".ndjson.gz")
        for line in plain.split(b"\n"):
            if line:
                yield from self._said_by(line, is_archived=is_archived)

    def _said_by(self, line: bytes, *, is_archived: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
        if is_archived:
            try:
                line = bytes(_decode_archived(line).attributes.event)
            except UNREADABLE:
                return
        if not self._id_at:
            yield digest_of(line), ()
            return
        try:
            found = decoded(line)
        except UNREADABLE:
            return
        for part in self._id_at:
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, str):
            record = record_in(line)
            yield found, () if record is None else (digest_of(record),)


class _Attributes(msgspec.Struct):
    event: msgspec.Raw


class _Archived(msgspec.Struct):
    attributes: _Attributes


_decode_archived = msgspec.json.Decoder(_Archived).decode
