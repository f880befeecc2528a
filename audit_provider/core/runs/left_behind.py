"""What is left behind under a name that the pipelines file does not have: events that nobody ships any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.open_stream import stream_progress
from audit_provider.core.shipping.letter_files import folders_in_spool, indexed_folders
from audit_provider.core.stream_name import RecordKey, StreamName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from audit_provider.core.ledger import Ledger, ListedLedger
    from audit_provider.core.spool import Store


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Events of one stream that wait for a destination which is not served any more.

    :ivar destination: "" where no destination has begun with the stream. :ivar pending: events that wait.
    :ivar set_aside: events that were ever set aside for it. :ivar is_pipeline: the pipeline itself has gone, and not
        only the destination.
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

    A ledger of Airflow's tasks cannot be listed, so the destinations are those of the file and those with dead letters.

    :param known: names of the pipelines of the file, with the names of their destinations.
    :param own: of the known pipelines, only this one is looked at; None for all.
    :param now: aware UTC; with it, dead letters are found by the index that is renewed once a day.
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
    """Return what is left behind by the records of a ledger that can be listed.

    :param known: names of the pipelines of the file, with the names of their destinations.
    :raises StopError: a record holds something else.
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
    # A pipeline without destinations is one with mistakes: nobody knows which it is to have.
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
    # Evidence need not be shipped anywhere.
    if gone and not begun and not name.is_evidence:
        yield LeftBehind(name, "", stream.head.total, 0, gone)
