"""The streams that this package writes itself: evidence and findings, beside the live stream.

Each has a chain and a tree like every other stream, and the ship tasks ship them if the pipeline is configured so.
Evidence holds checkpoints, changes of the configuration, log entries and results of verifications. In rare cases
several tasks of a pipeline write evidence at once: the second one reads the record again and appends after the first.
Only the report writes findings.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import FencedError
from audit_provider.core.ledger.position import Position, new_chain, with_segment
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event, Fields, PullCounts, text_of
from audit_provider.core.records.derived_names import FINDING_ACTION, paths_of
from audit_provider.core.spool import RecentIds, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.monitoring.memory import KeptFinding, Memory
    from audit_provider.core.spool import Store

EVIDENCE_SOURCE = "audit_provider_evidence"
EVIDENCE_TITLE = "Audit provider evidence"
CHECKPOINT_ACTION = "audit_provider.checkpoint"
CONFIGURATION_ACTION = "audit_provider.configuration"
ENTRIES_ACTION = "audit_provider.entries"
VERIFICATION_ACTION = "audit_provider.verification"

OWN_FIELDS = Fields(id="id", time="time", action="action", object_type="kind", object_id="subject")
"""The fields of common values in evidence and findings."""

_TRIES = 10


def evidence_event(name: str, now: datetime, record: dict[str, Any]) -> Event:
    """Return a piece of evidence as an event. :param name: its id."""
    content = {"id": name, "time": now, **record}
    return Event(name, now, msgspec.Raw(msgspec.json.encode(content)))


def evidence_of_kind(kind: str, now: datetime, record: dict[str, Any]) -> Event:
    """Return a piece of evidence whose id is a digest of its content. :param kind: the first part of the id."""
    name = hashlib.sha256(msgspec.json.encode([text_of(now), record], order="deterministic")).hexdigest()[:32]
    return evidence_event(f"{kind}-{name}", now, record)


def spool_evidence(ledger: Ledger, store: Store, pipeline: str, events: Sequence[Event], now: datetime) -> None:
    """Append events to the pipeline's stream of evidence, durably.

    :param now: aware UTC.
    :raises AuditError: the spool or the record cannot be read or written.
    """
    for left in reversed(range(_TRIES)):
        try:
            _append_evidence(ledger, store, pipeline, events, now)
            return
        except FencedError:
            if not left:
                raise


def _append_evidence(ledger: Ledger, store: Store, pipeline: str, events: Sequence[Event], now: datetime) -> None:
    name = StreamName.of_evidence(pipeline)
    record = position_record(ledger, name)
    position = record.load() or Position(source=EVIDENCE_SOURCE, chain=new_chain(now), fields=OWN_FIELDS)
    record.commit(replace(_appended(store, name, position, events, now), completed_at=now))


FINDINGS_SOURCE = "audit_provider"
FINDINGS_TITLE = "Audit provider findings"
FINDINGS_TELLER = "the stream of findings"
"""The name under which a memory records that a finding is spooled."""


def spool_findings(ledger: Ledger, store: Store, pipeline: str, memory: Memory, now: datetime, fields: Fields) -> int:
    """Append findings that are not spooled yet to the pipeline's stream of findings, however late that is.

    A finding's event has the time at which it was found, so no finding is spooled twice after a crash before the
    position or the memory was saved. For destinations that redact names, the event says where it contains names, and
    from which fields of the source they come.

    :param memory: records what was spooled; save it afterwards. :param now: aware UTC.
    :param fields: of the pipeline's source.
    :return: how many findings were spooled, now or before, without being recorded in the memory.
    :raises AuditError: the spool or the Variable cannot be read or written.
    """
    due = memory.untold(FINDINGS_TELLER, now)
    if not due:
        return 0
    paths = paths_of(fields)
    events = [_event(pipeline, each, paths) for each in due]
    name = StreamName.of_findings(pipeline)
    record = position_record(ledger, name)
    position = record.load() or Position(source=FINDINGS_SOURCE, chain=new_chain(now), fields=OWN_FIELDS)
    stream = name.stream(store, position)
    recent = RecentIds()
    for ids in stream.ids_since(position.head, min(each.found_at for each in due)):
        recent.remember(ids)
    fresh = recent.admit(events)
    recent.close()
    for each in due:
        each.told.append(FINDINGS_TELLER)
    if not fresh:
        return len(due)
    record.commit(_appended(store, name, position, fresh, now))
    return len(due)


def _appended(store: Store, name: StreamName, position: Position, events: Sequence[Event], now: datetime) -> Position:
    """Append events durably to a stream, and return the position to commit."""
    segment = SegmentWriter(now)
    segment.add(events)
    head = name.stream(store, position).append(segment, position.head, now)
    return replace(
        position,
        head=head,
        counts=position.counts + PullCounts(read=len(events), spooled=len(events)),
        watermark=now,
        updated_at=now,
        complete=True,
        spooled_at=with_segment(position.spooled_at, head.number, now),
    )


def _event(pipeline: str, kept: KeptFinding, paths: Mapping[str, Sequence[str]]) -> Event:
    finding = kept.finding
    found_at = text_of(kept.found_at)
    record: dict[str, Any] = {
        **asdict(finding),
        "id": f"{finding.id}-{found_at}",
        "finding": finding.id,
        "time": found_at,
        "action": f"{FINDING_ACTION}{finding.kind}",
        "at": text_of(finding.at),
        "pipeline": pipeline,
        "paths": paths,
    }
    return Event(record["id"], kept.found_at, msgspec.Raw(msgspec.json.encode(record)))
