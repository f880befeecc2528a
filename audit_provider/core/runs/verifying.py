"""The scheduled verification of a pipeline: read its spool again, and judge every day by the result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import SpoolDamagedError, UnavailableError
from audit_provider.core.ledger.position import reading_began
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import UTC, Window, back_by, midnight, text_of
from audit_provider.core.runs.asking import Answers, Asking, last_changes
from audit_provider.core.runs.calendar import (
    MOST_DAYS,
    NEVER_COMPARED,
    NOT_COMPARED,
    ROUND,
    Calendar,
    Day,
    Known,
    covers,
    doubted,
    is_due,
    is_served,
    judged,
    span_of,
    why_not_compared,
    with_gaps,
)
from audit_provider.core.runs.evidence_pack import PackFacts, collect, compared_spans, spans_read
from audit_provider.core.runs.gap_records import all_gaps
from audit_provider.core.runs.own_streams import VERIFICATION_ACTION, evidence_of_kind, spool_evidence
from audit_provider.core.runs.recorded import (
    Logged,
    calendar_digest,
    calendar_faults,
    files_beside,
    recorded_offsets,
    recorded_progress,
    vouched_for,
)
from audit_provider.core.spool import Stream
from audit_provider.core.streams.open_stream import OpenStream, open_streams
from audit_provider.core.streams.unreadable import UnreadableFacts, said_of, unreadable_of
from audit_provider.core.verification import streams_in, verify

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Head, Manifest, Store
    from audit_provider.core.spool.manifests import Outline
    from audit_provider.core.verification import Fault, Verification
    from audit_provider.core.verification.day_arrivals import DayArrival

_DAY = timedelta(days=1)
_MOST_FAULTS = 20
_TRIES = 2


@dataclass
class Verifying:
    """One verification.

    :ivar version: of this package.
    :ivar arrival_of: returns the object that asks a destination for the events of some days; called with its name and
        the positions of the streams. None to ask no destination.
    """

    ledger: Ledger
    store: Store
    pipeline: Pipeline
    log: Log
    now: Callable[[], datetime]
    version: str
    arrival_of: Callable[[str, Mapping[str, Position]], DayArrival] | None = None
    _before: Calendar = field(default_factory=Calendar, init=False)
    _reads_all: bool = field(default=False, init=False)
    _met_damage: bool = field(default=False, init=False)
    _answers: Answers = field(default_factory=dict, init=False)
    _gaps: tuple[str, ...] = field(default=(), init=False)

    def run(self) -> tuple[Verification, dict[date, Day]]:
        """Read the spool again, judge every day, save the calendar, and keep the result as evidence.

        :raises UnavailableError: a part of the spool did not answer; then nothing is judged.
        :raises AuditError: the spool, a record or a destination cannot be read.
        """
        name, now = self.pipeline.name, self.now()
        before = Calendar.load(self.store, name)
        self._before = before
        rewritten = calendar_faults(self.ledger, self.store, name)
        if rewritten:
            # Without this, the evidence would confirm days that were changed from outside.
            self._before = vouched_for(self.ledger, self.store, name, before, str(rewritten[0]))
        # After a fault, every run reads everything until no fault is found.
        self._reads_all = bool(rewritten) or before.result == "faults found"
        files = files_beside(self.store, name)
        found = self._found(name, files)
        days = self._judged(self._before.days, found, now)
        if self._met_damage and not found.faults and not self._reads_all:
            # The damage is in a segment that this run was not to read.
            self._reads_all = True
            found = self._found(name, files)
            days = self._judged(self._before.days, found, now)
        heads = {each.stream: each.head for each in found.streams} if not found.faults else before.heads
        after = Calendar(now, found.result, days, before.runs + 1, heads, self._gaps)
        self._keep(before, after, found, files, now)
        after.save(self.store, name)
        return found, days

    def _found(self, name: str, files: Mapping[str, str]) -> Verification:
        """Return the result of reading the spool again, with the faults of logged files beside the segments.

        :raises UnavailableError: a part of the spool did not answer.
        """
        found = self._verified(name)
        if found.faults:
            # Retention may have removed segments while they were read.
            self.log.warning("Faults were found and are looked for again, the first: %s", found.faults[0])
            found = self._verified(name)
        beside = [*self._logged(name).faults(files), *calendar_faults(self.ledger, self.store, name)]
        found = replace(found, faults=(*found.faults, *beside))
        if silent := [each for each in found.faults if each.kind == "unread"]:
            raise UnavailableError(f"the spool of {name} could not be read whole: {silent[0]}.")
        return found

    def _verified(self, name: str) -> Verification:
        """Return the result of reading the spool again."""
        folders = sorted({*streams_in(self.store, name), StreamName(name).folder})
        known = list(self.pipeline.destinations)
        return verify(
            self.store,
            pipeline=name,
            progress=recorded_progress(self.ledger, self.store, folders, known),
            offsets_alone=recorded_offsets(self.ledger, self.store, folders, known),
            now=self.now,
            due=self._reads,
        )

    def _reads(self, chain: str, manifest: Manifest) -> bool:
        """Whether to read a segment's events again: always in new segments, and each day once in ``ROUND`` runs."""
        if self._reads_all or manifest.number > self._before.heads.get(chain, 0):
            return True
        first, last = (each.astimezone(UTC).date() for each in (manifest.first_time, manifest.last_time))
        span = (last - first).days
        return span >= ROUND or any(is_due(first + each * _DAY, self._before.runs + 1) for each in range(span + 1))

    def _looks_at(self, kept: _Kept) -> Callable[[date], bool]:
        """Return a function that says which days to judge again; the others stay as they were."""
        before, run, enabled = self._before.days, self._before.runs + 1, self._enabled()
        compared = compared_spans(self.ledger, self.pipeline)

        def looks_at(day: date) -> bool:
            known = before.get(day)
            if known is None or day in kept.changed or is_due(day, run):
                return True
            if known.state == "proven":
                is_as_before = is_served(known, enabled) and covers(compared, span_of(day))
                return known.kept and (bool(kept.said_of(day)) or not is_as_before)
            if not known.reason.endswith(kept.said_of(day)):
                return True
            if known.reason.startswith((NOT_COMPARED, NEVER_COMPARED)):
                is_said = known.reason.startswith(why_not_compared(day, kept.began))
                return not is_said or covers(compared, span_of(day))
            # A day with records that could not be read stays as it is.
            return not known.reason or known.reason != kept.said_of(day)

        return looks_at

    def _judged(self, before: Mapping[date, Day], found: Verification, now: datetime) -> dict[date, Day]:
        faults = [each for each in found.faults if each.kind != "foreign"]
        fault = f"the verification of {text_of(now)} found faults, the first: {faults[0]}" if faults else ""
        for left in reversed(range(_TRIES)):
            kept = _Kept()
            try:
                facts, self._answers = self._facts(kept, faults, now)
                break
            except SpoolDamagedError as error:
                if not left:
                    self.log.warning("%s", error)
                    self._met_damage = True
                    return doubted(kept.marked(before), kept.faulty, fault or str(error))
        enabled = self._enabled()
        known = Known(
            facts,
            now,
            read=kept.read,
            compared=compared_spans(self.ledger, self.pipeline),
            enabled=enabled,
            began=kept.began,
            faulty=kept.faulty,
            fault=fault,
            removed_until=kept.removed_until,
            looks_at=self._looks_at(kept),
            asked={
                day: {**(before[day].asked if day in before else {}), **self._answers.get(day, {})}
                for day in before.keys() | self._answers.keys()
            },
        )
        self._gaps = tuple(each.id for each in facts.gaps)
        return with_gaps(judged(kept.marked(before), known), facts.gaps, now.astimezone(UTC).date(), self._gaps)

    def _enabled(self) -> list[str]:
        return [each.name for each in self.pipeline.destinations.values() if each.enabled]

    def _facts(self, kept: _Kept, faults: Sequence[Fault], now: datetime) -> tuple[PackFacts, Answers]:
        """Return the facts of the days, and what destinations answered."""
        for opened in open_streams(self.ledger, self.store, self.pipeline.name):
            if not opened.name.is_made_here:
                kept.add(opened, faults, self._before.heads)
        kept.add_other_chains(self.store, self.pipeline.name, faults)
        start = max(midnight(min([*kept.times, now])), midnight(back_by(now, MOST_DAYS * _DAY)))
        wanted = Window(start, midnight(now) + _DAY)
        looks_at = self._looks_at(kept)
        collected = partial(
            collect,
            self.ledger,
            self.store,
            self.pipeline,
            wanted,
            made_at=now,
            version=self.version,
            looks_at=looks_at,
        )
        if self.arrival_of is None:
            return collected(), {}
        asks, positions = self.arrival_of, kept.positions
        changes = last_changes(self.ledger, self.store, self.pipeline.name)
        with Asking(
            lambda name: asks(name, positions), self._enabled(), self._before.days, kept.changed, now, changes
        ) as asking:
            return collected(meet=asking.meet), asking.answers()

    def _logged(self, name: str) -> Logged:
        """Return the log of entries; an empty one if it is damaged, which is reported as a fault of its own."""
        try:
            return Logged.of(self.ledger, self.store, name)
        except SpoolDamagedError:
            return Logged()

    def _keep(
        self, before: Calendar, after: Calendar, found: Verification, files: Mapping[str, str], now: datetime
    ) -> None:
        """Keep the result as evidence: these events prove later what the calendar said at which time."""
        changed = {
            str(day): {"before": old.state if (old := before.days.get(day)) else "unknown", "after": new.state}
            for day, new in after.days.items()
            if (old := before.days.get(day)) is None or old.state != new.state
        }
        record: dict[str, Any] = {
            "action": VERIFICATION_ACTION,
            "kind": "verification",
            "subject": self.pipeline.name,
            "pipeline": self.pipeline.name,
            "result": found.result,
            "faults": [str(each) for each in found.faults[:_MOST_FAULTS]],
            "streams": {each.stream: {"head": each.head, "sha256": each.sha256} for each in found.streams},
            "days": changed,
            "asked": {str(day): msgspec.to_builtins(each) for day, each in sorted(self._answers.items())},
            "calendar": hashlib.sha256(after.content()).hexdigest(),
            "replaces": calendar_digest(self.store, self.pipeline.name),
            "proven": sum(each.state == "proven" for each in after.days.values()),
            "version": self.version,
        }
        event = evidence_of_kind("verification", now, record)
        entries = self._logged(self.pipeline.name).new(
            self.pipeline.name, files, all_gaps(self.ledger, self.store, [self.pipeline]), now
        )
        spool_evidence(self.ledger, self.store, self.pipeline.name, [*entries, event], now)


@dataclass
class _Kept:
    """What the streams of a pipeline hold, according to their manifests.

    :ivar times: of the first event of each segment, and of the start of reading. :ivar read: spans that were read.
    :ivar began: when live reading began, None if it is not known.
    :ivar positions: of the streams, by their folders.
    :ivar faulty: days with events in a segment that has a fault, with a text of the fault.
    :ivar changed: days with events in segments that no earlier verification has read.
    :ivar unreadable: records that could not be read.
    :ivar removed_until: segments written before this time are no longer kept.
    """

    times: list[datetime] = field(default_factory=list)
    read: list[Window] = field(default_factory=list)
    began: datetime | None = None
    positions: dict[str, Position] = field(default_factory=dict)
    faulty: dict[date, str] = field(default_factory=dict)
    changed: set[date] = field(default_factory=set)
    unreadable: list[UnreadableFacts] = field(default_factory=list)
    removed_until: datetime | None = None
    _chains: set[str] = field(default_factory=set)
    _is_whole: bool = False

    def add(self, opened: OpenStream, faults: Sequence[Fault], heads: Mapping[str, int]) -> None:
        """Add a stream. :param heads: numbers of the last segments that an earlier verification has read, by chain.

        :raises SpoolDamagedError: a manifest is missing or is not what was written.
        """
        self.unreadable += unreadable_of(opened)
        self.positions[opened.name.folder] = opened.position
        if opened.name.is_live:
            self.began = reading_began(opened.position)
        self.read += spans_read(opened)
        self.times += [each.start for each in spans_read(opened)]
        if not opened.head.number:
            return
        outlines = self._add_chain(opened.stream, opened.head, faults)
        known = heads.get(opened.stream.folder, 0)
        for each in outlines:
            if each.head.number > known:
                self.changed.update(each.days)
        if outlines and outlines[-1].head.number > 1:
            self.removed_until = max(self.removed_until or outlines[-1].written_at, outlines[-1].written_at)

    def said_of(self, day: date) -> str:
        """Return a sentence about unreadable records that may be of a day; "" if there are none."""
        return said_of(self.unreadable, span_of(day))

    def add_other_chains(self, store: Store, pipeline: str, faults: Sequence[Fault]) -> None:
        """Add chains that have a fault and to which no position leads, because days may have events of them too.

        If the manifests of such a chain cannot be read, its days are not known, and the fault counts for all days.
        """
        for folder in sorted({each.stream for each in faults} - self._chains):
            _, below, chain = [*folder.split("/", 2), "", ""][:3]
            name = StreamName.of_folder(pipeline, below)
            if name is not None and not name.is_made_here:
                try:
                    self._add_chain(Stream(store, name.folder, chain), None, faults)
                except SpoolDamagedError:
                    return
        self._is_whole = True

    def marked(self, before: Mapping[date, Day]) -> Mapping[date, Day]:
        """Return the days; mark those before all kept segments as not kept, because retention removed them."""
        removed, first = self.removed_until, min(self.times, default=None)
        if not self._is_whole or removed is None or first is None:
            return before
        start = midnight(first)
        return {
            day: msgspec.structs.replace(each, kept=False)
            if span_of(day).start < removed and span_of(day).end <= start
            else each
            for day, each in before.items()
        }

    def _add_chain(self, stream: Stream, head: Head | None, faults: Sequence[Fault]) -> list[Outline]:
        """Add one chain of segments; return the outlines of its manifests, the newest first."""
        self._chains.add(stream.folder)
        own = {each.segment: str(each) for each in faults if each.stream == stream.folder}
        outlines = stream.outlines(head, lambda _: True)
        for each in outlines:
            self.times.append(each.first_time)
            if wrong := own.get(each.head.number):
                self.faulty.update(dict.fromkeys(each.days, wrong))
        return outlines
