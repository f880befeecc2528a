"""The records of progress of each pipeline for the page: sorted, decoded, or reported as unreadable."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.gaps import gaps_in
from audit_provider.core.ledger.health import standing
from audit_provider.core.ledger.records import Acknowledgements, MemoryLedger, offset_record, source_record
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.monitoring.summary import summary_record
from audit_provider.core.streams.open_stream import stream_progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from audit_provider.core.ledger.gaps import Acknowledgement, GapRecord
    from audit_provider.core.ledger.health import SourceHealth
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.model import Offset
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.streams.open_stream import StreamProgress

_SHOWN = ("position", "offset", "acknowledgements", "summary", "source")
"""Kinds of records that the page reads."""


@dataclass
class PipelineRecords:
    """The records of one pipeline that the user may read, as texts.

    :ivar texts: by key, without the record of the last look, which changes every minute.
    :ivar look: the record of the last look, "" if there is none.
    :ivar hidden: whether the user may not read the pipeline's positions.
    :ivar undecryptable: keys of records that the API server cannot decrypt.
    :ivar withheld: keys of records that the user may not read.
    """

    texts: dict[str, str] = field(default_factory=dict)
    hidden: bool = False
    undecryptable: list[str] = field(default_factory=list)
    withheld: set[str] = field(default_factory=set)
    look: str = field(default="", compare=False)

    @property
    def has_position(self) -> bool:
        """Whether the user may read the position of one of the pipeline's streams."""
        return any((found := RecordKey.parsed(key)) and found.kind == "position" for key in self.texts)


class Records:
    """The Variables of every pipeline, sorted by pipeline."""

    def __init__(self) -> None:
        self._pipelines: dict[str, PipelineRecords] = {}

    def add(self, key: str, text: str | None, *, readable: bool = True) -> None:
        """Add a Variable; one that the page does not use is ignored.

        :param text: None if it cannot be decrypted. :param readable: whether the user may read it.
        """
        records = self._pipelines.setdefault(key.split(".")[1], PipelineRecords())
        found = RecordKey.parsed(key)
        if readable and text is None:
            records.undecryptable.append(key)
        elif found and found.kind in _SHOWN and not readable:
            records.withheld.add(key)
            records.hidden = records.hidden or found.kind == "position"
        elif found and found.kind == "look":
            records.look = (text or "") if readable else ""
        elif found and found.kind in _SHOWN and text is not None:
            records.texts[key] = text

    @property
    def hidden(self) -> bool:
        """Whether the user may not read the positions of some pipeline."""
        return any(each.hidden for each in self._pipelines.values())

    def names(self) -> list[str]:
        """Return the names of the pipelines that have records."""
        return sorted(self._pipelines)

    def of(self, pipeline: str) -> PipelineRecords:
        """Return the records of a pipeline; empty if it has never run."""
        return self._pipelines.get(pipeline, PipelineRecords())


@dataclass(frozen=True, slots=True)
class Progress:
    """The decoded records of one pipeline.

    :ivar offsets: of destinations that have begun. An offset belongs to the chain that the stream's position names.
    :ivar source: how the last runs that read the source ended; None if this is not known.
    :ivar unreadable: one sentence for each record that cannot be read.
    :ivar unknown: keys of records that cannot be read or that the user may not read.
    :ivar gaps: that are open, and :ivar acknowledged: that somebody has accepted.
    """

    positions: Mapping[StreamName, Position]
    offsets: Mapping[tuple[StreamName, str], Offset]
    source: SourceHealth | None
    summary: Summary | None
    gaps: Sequence[GapRecord]
    unreadable: Sequence[str]
    unknown: Collection[str] = ()
    acknowledged: Sequence[GapRecord] = ()


def progress_of(pipeline: Pipeline, records: PipelineRecords) -> Progress:
    """Decode the records of a pipeline; a record that cannot be read is reported and left out."""
    ledger = MemoryLedger(records.texts)
    unreadable = _Unreadable()
    if records.undecryptable:
        more = f" and {len(records.undecryptable) - 1} more" if len(records.undecryptable) > 1 else ""
        unreadable.sentences.append(
            f"the Variable {min(records.undecryptable)}{more} cannot be decrypted: give the API server the "
            f"[core] fernet_key that they were written with."
        )
    keys = [key for key in map(RecordKey.parsed, ledger.keys()) if key]
    streams: dict[StreamName, StreamProgress] = {}
    offsets: dict[tuple[StreamName, str], Offset] = {}
    for name in (key.stream for key in keys if key.kind == "position"):
        with unreadable.noted(name.cursor_key):
            if stream := stream_progress(ledger, name):
                streams[name] = stream
    for key in (key for key in keys if key.kind == "offset"):
        with unreadable.noted(str(key)):
            kept = offset_record(ledger, key.stream, key.of).load()
            offset = streams[key.stream].of_chain(kept) if key.stream in streams else None
            if offset:
                offsets[key.stream, key.of] = offset
    source = None
    with unreadable.noted(str(RecordKey("source", StreamName(pipeline.name)))):
        source = source_record(ledger, pipeline.name).load()
        live = streams.get(StreamName(pipeline.name))
        source = source and standing(source, live.position.last_complete if live else None)
    summary = None
    # Without monitoring no further report is made, so the findings of the last one would stay for ever.
    if pipeline.monitoring:
        with unreadable.noted(str(RecordKey("summary", StreamName(pipeline.name)))):
            summary = summary_record(ledger, pipeline.name).load()
    acknowledged: dict[str, Acknowledgement] = {}
    with unreadable.noted(str(RecordKey("acknowledgements", StreamName(pipeline.name)))):
        acknowledged = Acknowledgements(ledger, pipeline.name).load()
    gaps: list[GapRecord] = []
    for name, stream in streams.items():
        served = {each: offsets.get((name, each)) for each in pipeline.destinations}
        gaps += gaps_in(pipeline.name, name.folder, stream.position, served, acknowledged)
    positions = {name: stream.position for name, stream in streams.items()}
    unknown = {*unreadable.keys, *records.undecryptable, *records.withheld}
    opened = [gap for gap in gaps if gap.is_open]
    accepted = [gap for gap in gaps if gap.acknowledged]
    return Progress(positions, offsets, source, summary, opened, unreadable.sentences, unknown, accepted)


class _Unreadable:
    """Records that cannot be read. :ivar sentences: one for each record. :ivar keys: of the records."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.keys: list[str] = []

    @contextmanager
    def noted(self, key: str) -> Iterator[None]:
        """Note a record that cannot be read, and continue."""
        try:
            yield
        except StopError as error:
            self.sentences.append(str(error))
            self.keys.append(key)
