"""Findings as events of their pipeline: a stream of their own in the spool, which the ship tasks ship too."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.ledger import position_record
from audit_provider.core.model import Event, Fields, PullCounts, text_of
from audit_provider.core.position import Position, new_chain
from audit_provider.core.spool import RecentIds, SegmentWriter
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.monitoring.memory import KeptFinding, Memory
    from audit_provider.core.spool import Store

FINDINGS_SOURCE = "audit_provider"
FINDINGS_TITLE = "Audit provider findings"

_FIELDS = Fields(id="id", time="time", action="action", object_type="kind", object_id="subject")
_WITHIN = timedelta(days=1)


def spool_findings(ledger: Ledger, store: Store, pipeline: str, memory: Memory, now: datetime) -> int:
    """Put the findings of the last day that are not there yet into the pipeline's stream of findings.

    A finding's event bears the time at which it was found, so a crash before the position is recorded, or before the
    memory is, spools none twice.

    :param memory: kept already. :param now: aware UTC.
    :return: how many were new.
    :raises AuditError: the spool or the Variable cannot be read or written.
    """
    events = [_event(pipeline, each) for each in memory.findings if now - each.found_at <= _WITHIN]
    if not events:
        return 0
    name = StreamName.of_findings(pipeline)
    record = position_record(ledger, name)
    position = record.load() or Position(source=FINDINGS_SOURCE, chain=new_chain(now), fields=_FIELDS)
    stream = name.stream(store, position)
    recent = RecentIds()
    for ids in stream.ids_since(position.head, now - _WITHIN):
        recent.remember(ids)
    fresh = recent.admit(events)
    recent.close()
    if not fresh:
        return 0
    segment = SegmentWriter(now)
    segment.add(fresh)
    head = stream.append(segment, position.head, now)
    counts = position.counts + PullCounts(read=len(fresh), spooled=len(fresh))
    record.commit(
        replace(position, head=head, counts=counts, watermark=now, updated_at=now, complete=True),
    )
    return len(fresh)


def _event(pipeline: str, kept: KeptFinding) -> Event:
    finding = kept.finding
    found_at = text_of(kept.found_at)
    record: dict[str, Any] = {
        **asdict(finding),
        "id": f"{finding.id}-{found_at}",
        "finding": finding.id,
        "time": found_at,
        "action": f"{FINDINGS_SOURCE}.finding.{finding.kind}",
        "at": text_of(finding.at),
        "pipeline": pipeline,
    }
    return Event(record["id"], kept.found_at, msgspec.Raw(msgspec.json.encode(record)))
