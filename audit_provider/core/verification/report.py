"""The result of a verification: faults, streams, ids, and the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from audit_provider.core.model import text_of
from audit_provider.core.verification.checkpoints import VerifiedCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LISTED = 20

Kind = Literal["damaged", "missing", "reordered", "foreign", "total", "unclaimed", "unread"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One file or record that is not as it was written.

    :ivar kind: ``damaged``, ``missing``, ``reordered``, ``foreign``, a wrong ``total``, ``unclaimed`` (it is unknown
        whether it was committed), or ``unread`` (the spool gave no answer, so nothing is known).
    :ivar stream: folder of the chain. :ivar segment: its number, 0 if none. :ivar file: key in the spool.
    """

    kind: Kind
    stream: str
    segment: int
    file: str
    wrong: str

    def __str__(self) -> str:
        segment = f" segment {self.segment}" if self.segment else ""
        return f"{self.stream or 'the spool'}{segment}: {self.file} {self.wrong}"


@dataclass(frozen=True, slots=True)
class VerifiedStream:
    """The result for one chain of segments.

    :ivar head: number of the last segment.
    :ivar sha256: digest of its manifest, "" if there is none; it proves every segment before it.
    :ivar head_from: where the head is from, Airflow's ``record`` or the ``newest`` manifest.
    :ivar oldest: number of the first kept segment.
    :ivar segments: number of segments read, and :ivar events: of events in them.
    :ivar removed: number of events in removed segments. :ivar bytes: size of the data files.
    """

    stream: str
    head: int
    sha256: str
    head_from: Literal["record", "newest"]
    oldest: int
    segments: int
    events: int
    removed: int
    bytes: int
    first_time: datetime | None
    last_time: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedIds:
    """The ids of all streams together.

    :ivar distinct: number of different ids. :ivar repeated: events that repeat an id of their own stream.
    :ivar in_several_streams: ids that several streams of one pipeline hold, such as the live one and a backfill's.
    """

    distinct: int = 0
    repeated: int = 0
    in_several_streams: int = 0


@dataclass(frozen=True, slots=True)
class VerifiedArrival:
    """The number of the spool's ids that a destination has and lacks.

    :ivar missing: ids that are neither there nor set aside nor pending nor filtered; the first ones are in
        :ivar first_missing.
    :ivar set_aside: ids that are not there and are open dead letters.
    :ivar pending: ids that are not there and not shipped yet.
    :ivar several_times: ids that it has more than once.
    :ivar extra: ids that it has and the spool has not (of removed segments or other pipelines); None if they are not
        searched for.
    :ivar compared: found ids whose content was compared with the spool's; None if only ids are searched for.
    :ivar altered: compared ids with another content at the destination; the first ones are in :ivar first_altered.
    :ivar faults: objects that are not what was shipped, one sentence each.
    :ivar filtered: ids that are not there because the destination's filters left the events out.
    """

    where: str
    expected: int
    found: int
    missing: int
    set_aside: int
    pending: int
    several_times: int
    extra: int | None
    first_missing: tuple[str, ...] = ()
    compared: int | None = None
    altered: int = 0
    first_altered: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    filtered: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """The report.

    :ivar notes: unusual and harmless observations. :ivar dead_letters: number of open dead letters.
    :ivar discarded: number of dead letters that a person has discarded.
    :ivar checkpoints: checkpoints that were kept elsewhere, compared with the spool.
    """

    spool: str
    pipeline: str
    begun_at: datetime
    ended_at: datetime
    streams: tuple[VerifiedStream, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    dead_letters: int = 0
    discarded: int = 0
    ids: VerifiedIds = field(default_factory=VerifiedIds)
    arrival: VerifiedArrival | None = None
    checkpoints: tuple[VerifiedCheckpoint, ...] = ()

    @property
    def result(self) -> Literal["all right", "faults found", "could not be checked"]:
        """The overall result."""
        arrival = self.arrival
        lacks = arrival and (arrival.missing or arrival.altered or arrival.faults)
        lacks = lacks or any(each.wrong for each in self.checkpoints)
        if lacks or any(fault.kind != "unread" for fault in self.faults):
            return "faults found"
        return "could not be checked" if self.faults or not self.streams else "all right"

    @property
    def exit_code(self) -> int:
        """0 all right, 1 faults found, 2 could not be checked."""
        return {"all right": 0, "faults found": 1, "could not be checked": 2}[self.result]

    def as_json(self) -> bytes:
        """Return the report as JSON."""
        content = {"result": self.result, **msgspec.to_builtins(self)}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"Verification of the spool {self.spool}{f', pipeline {self.pipeline}' if self.pipeline else ''}"
        yield f"from {text_of(self.begun_at)} to {text_of(self.ended_at)}"
        for each in self.streams:
            yield ""
            yield from _told(each)
        if self.streams:
            yield ""
            yield (
                f"{sum(each.events for each in self.streams):,} events with {self.ids.distinct:,} ids; "
                f"{self.ids.repeated:,} repeated within a stream, {self.ids.in_several_streams:,} in several streams; "
                f"{self.dead_letters:,} dead letters{f', {self.discarded:,} more discarded' if self.discarded else ''}"
            )
        if self.arrival:
            yield from _arrived(self.arrival)
        if self.checkpoints:
            yield from _agreed(self.checkpoints)
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"FAULT: {fault}" for fault in self.faults)
        if not self.streams:
            yield "There is no segment here."
        yield ""
        yield f"Result: {self.result}"


def _told(stream: VerifiedStream) -> Iterator[str]:
    source = (
        "by Airflow's record"
        if stream.head_from == "record"
        else "by the newest manifest, for there is no record of Airflow's"
    )
    yield stream.stream
    yield f"  segments {stream.oldest} to {stream.head} ({source}), {stream.segments} read"
    removed = f", {stream.removed:,} before them are no longer kept" if stream.removed else ""
    yield f"  {stream.events:,} events in {stream.bytes:,} bytes{removed}"
    if stream.first_time and stream.last_time:
        yield f"  that happened from {text_of(stream.first_time)} to {text_of(stream.last_time)}"
    yield f"  SHA-256 of the head: {stream.sha256 or 'none'}"


def _agreed(checkpoints: Sequence[VerifiedCheckpoint]) -> Iterator[str]:
    agree = sum(not each.wrong for each in checkpoints)
    keys = sorted({key for each in checkpoints for key in each.keys})
    signed = f"signed by {' and '.join(keys)}" if keys else "their signatures were not checked, for no key was given"
    yield f"checkpoints: {agree:,} of {len(checkpoints):,} agree with the spool; {signed}"
    yield from (f"FAULT: {each}" for each in checkpoints if each.wrong)


def _arrived(arrival: VerifiedArrival) -> Iterator[str]:
    filtered = f", {arrival.filtered:,} filtered" if arrival.filtered else ""
    extra = "" if arrival.extra is None else f", {arrival.extra:,} there that are not in the spool"
    yield (
        f"{arrival.where}: {arrival.found:,} of {arrival.expected:,} ids are there; {arrival.missing:,} missing, "
        f"{arrival.set_aside:,} set aside, {arrival.pending:,} pending{filtered}; {arrival.several_times:,} stored "
        f"several times"
        f"{extra}"
    )
    if arrival.compared is not None:
        others = arrival.found - arrival.compared
        yield (
            f"contents: {arrival.compared:,} of those there compared with the spool, {arrival.altered:,} are altered; "
            f"{others:,} in a form that cannot be compared"
        )
    yield from (f"ALTERED: {name}" for name in arrival.first_altered[:_LISTED])
    yield from (f"MISSING: {name}" for name in arrival.first_missing[:_LISTED])
    if arrival.missing > len(arrival.first_missing[:_LISTED]):
        yield f"… and {arrival.missing - len(arrival.first_missing[:_LISTED]):,} more"
    yield from (f"FAULT: {fault}" for fault in arrival.faults)
