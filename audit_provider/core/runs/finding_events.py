"""Findings as events of their pipeline: a stream of their own in the spool, which the ship tasks ship too."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.derived_names import FINDING_ACTION, paths_of
from audit_provider.core.ledger import position_record
from audit_provider.core.model import Event, Fields, PullCounts, text_of
from audit_provider.core.position import Position, new_chain, with_segment
from audit_provider.core.spool import RecentIds, SegmentWriter
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.monitoring.memory import KeptFinding, Memory
    from audit_provider.core.spool import Store

FINDINGS_SOURCE = "audit_provider"
FINDINGS_TITLE = "Audit provider findings"
FINDINGS_TELLER = "the stream of findings"
"""Under which name a memory knows whether a finding is spooled."""

_FIELDS = Fields(id="id", time="time", action="action", object_type="kind", object_id="subject")


def spool_findings(ledger: Ledger, store: Store, pipeline: str, memory: Memory, now: datetime, fields: Fields) -> int:
    """Put the findings that are not there yet into the pipeline's stream of findings, however late that is.

    A finding's event has the time at which it was found, so a crash before the position is recorded, or before the
    memory is, spools none twice. It says where names of events stand in it, and which of their fields they come from,
    for a destination that redacts these.

    :param memory: records what was spooled; save it afterwards. :param now: aware UTC.
    :param fields: of the pipeline's source.
    :return: how many the stream holds that the memory did not know to be there.
    :raises AuditError: the spool or the Variable cannot be read or written.
    """
    due = memory.untold(FINDINGS_TELLER, now)
    if not due:
        return 0
    paths = paths_of(fields)
    events = [_event(pipeline, each, paths) for each in due]
    name = StreamName.of_findings(pipeline)
    record = position_record(ledger, name)
    position = record.load() or Position(source=FINDINGS_SOURCE, chain=new_chain(now), fields=_FIELDS)
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
    segment = SegmentWriter(now)
    segment.add(fresh)
    head = stream.append(segment, position.head, now)
    counts = position.counts + PullCounts(read=len(fresh), spooled=len(fresh))
    record.commit(
        replace(
            position,
            head=head,
            counts=counts,
            watermark=now,
            updated_at=now,
            complete=True,
            spooled_at=with_segment(position.spooled_at, head.number, now),
        ),
    )
    return len(due)


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
