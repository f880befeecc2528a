"""Find events that are no longer shipped, because the pipelines file has no such pipeline or destination any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.streams.letter_files import folders_in_spool, indexed_folders
from audit_provider.core.streams.open_stream import stream_progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from audit_provider.core.ledger.records import Ledger, ListedLedger
    from audit_provider.core.spool import Store


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Events of one stream that wait for a destination that is no longer served.

    :ivar destination: "" if no destination has begun with the stream. :ivar pending: events that wait.
    :ivar set_aside: total number of events that were set aside for it.
    :ivar is_pipeline: whether the pipeline itself was removed, and not only the destination.
    """

    name: StreamName
    destination: str
    pending: int
    set_aside: int
    is_pipeline: bool

    def __str__(self) -> str:
        what = f"{self.pending:,} events of {self.name.folder} are pending" if self.pending else ""
        if not self.pending:
            what = f"{self.set_aside:,} events of {self.name.folder} were set aside"
        of = f" for {self.destination}" if self.destination else ""
        if self.is_pipeline:
            missing, key = f"pipeline named {self.name.pipeline}", self.name.cursor_key
        else:
            missing, key = f"such destination of {self.name.pipeline}", self.name.offset_key(self.destination)
        return (
            f"{what}{of}, but the pipelines file has no {missing}: give it that name again to ship them, or delete the "
            f"Variable {key} to dismiss them."
        )


def left_in_spool(
    ledger: Ledger,
    store: Store,
    known: Mapping[str, Collection[str]],
    own: str | None = None,
    *,
    now: datetime | None = None,
) -> list[LeftBehind]:
    """Return what is left behind in a spool.

    Tasks cannot list Airflow's ledger, so only the destinations of the file and those with dead letters are examined.

    :param known: names of the pipelines of the file, with the names of their destinations.
    :param own: the only known pipeline to examine; None for all.
    :param now: aware UTC; if given, dead letters are found by the index that is renewed once a day.
    :raises AuditError: the spool or a record cannot be read.
    """
    found: list[LeftBehind] = []
    served = {each for destinations in known.values() for each in destinations}
    for pipeline in store.folders(""):
        if pipeline in known and own not in (None, pipeline):
            continue
        folders = indexed_folders(store, pipeline, now) if now else folders_in_spool(store, pipeline)
        for name in StreamName.all_in(store, pipeline):
            aside = {destination for destination, chains in folders.items() if name in chains}
            found += _left(ledger, known, name, served | aside)
    return found


def left_in_ledger(ledger: ListedLedger, known: Mapping[str, Collection[str]]) -> list[LeftBehind]:
    """Return what is left behind according to the records of a ledger that can be listed.

    :param known: names of the pipelines of the file, with the names of their destinations.
    :raises StopError: a record cannot be read.
    """
    keys = [key for key in map(RecordKey.parsed, ledger.keys()) if key]
    destinations: dict[StreamName, set[str]] = {key.stream: set() for key in keys if key.kind == "position"}
    for key in keys:
        if key.kind == "offset" and key.stream in destinations:
            destinations[key.stream].add(key.of)
    return [left for name, of in destinations.items() for left in _left(ledger, known, name, of)]


def _left(
    ledger: Ledger, known: Mapping[str, Collection[str]], name: StreamName, destinations: Iterable[str]
) -> Iterator[LeftBehind]:
    gone = name.pipeline not in known
    candidates = sorted(set(destinations) - set(known.get(name.pipeline, ())))
    # A known pipeline without destinations has a faulty definition, so its destinations are not known.
    if not gone and not (candidates and known[name.pipeline]):
        return
    stream = stream_progress(ledger, name)
    if stream is None or not stream.head.total:
        return
    begun = False
    for destination in candidates:
        offset = stream.offset(destination)
        if offset is None:
            continue
        begun = True
        pending = stream.position.pending(offset)
        if pending > 0 or offset.counts.set_aside:
            yield LeftBehind(name, destination, max(pending, 0), offset.counts.set_aside, gone)
    # Evidence is not shipped unless configured, so evidence without an offset is normal.
    if gone and not begun and not name.is_evidence:
        yield LeftBehind(name, "", stream.head.total, 0, gone)
