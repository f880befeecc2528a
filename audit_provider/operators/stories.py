"""One event's story: where it stands in the spool, which checkpoint covers it, and what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import AuditError
from audit_provider.core.model import Window
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.runs.event_search import FoundEvent
from audit_provider.core.runs.event_story import Fate, destinations_of, fates
from audit_provider.core.spool.segment import digest_of_line

if TYPE_CHECKING:
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.runs.proving import Evidence, KeptCheckpoint

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Story:
    """One event, as it is shown and kept as JSON.

    :ivar links: by destination, the page on which people see the event there. :ivar checkpoint: that covers it; None
        where none does yet.
    """

    found: FoundEvent
    fates: list[Fate]
    links: Mapping[str, str]
    checkpoint: KeptCheckpoint | None

    @property
    def chain(self) -> str:
        """The folder of the chain of segments."""
        return f"{self.found.name.folder}/{self.found.chain}".rstrip("/")

    def as_json(self) -> dict[str, Any]:
        """Return what is kept as JSON."""
        found, manifest = self.found, self.found.manifest
        return {
            "id": found.event.id,
            "pipeline": found.name.pipeline,
            "stream": found.name.folder,
            "chain": found.chain,
            "happened": found.event.time,
            "spooled": manifest.written_at,
            "fields": dict(found.fields),
            "segment": found.head.number,
            "manifest_sha256": found.head.digest,
            "segment_sha256": manifest.sha256,
            "index": found.index,
            "place": found.place,
            "sha256": digest_of_line(found.event),
            "proven": found.is_proven,
            "checkpoint": self.checkpoint.checkpoint if self.checkpoint else None,
            "destinations": [
                {**msgspec.to_builtins(each), "link": self.links.get(each.destination, "")} for each in self.fates
            ],
        }


def story_of(ledger: Ledger, found: FoundEvent, evidence: Evidence, pipeline: Pipeline | None) -> Story:
    """Return the story of an event that was found.

    :param evidence: of its pipeline. :param pipeline: as the pipelines file has it; None where it has none.
    :raises AuditError: the spool or a record cannot be read.
    """
    deliveries = destinations_of(found, pipeline.destinations if pipeline else {})
    source = pipeline.source if pipeline else None
    became = [_narrowed(each, found, evidence) for each in fates(ledger, found, deliveries, source)]
    links = {each.destination: _link(pipeline, found, each) for each in became} if pipeline else {}
    return Story(found, became, links, evidence.covering(found))


def _narrowed(fate: Fate, found: FoundEvent, evidence: Evidence) -> Fate:
    """Return a fate with the times between which checkpoints say that the destination passed the event."""
    if fate.state not in ("delivered", "filtered") or fate.after is None:
        return fate
    after, until = evidence.passing(found, fate.destination)
    until = min(filter(None, (fate.until, until)), default=None)
    return replace(fate, after=max(fate.after, after or fate.after), until=until)


def _link(pipeline: Pipeline, found: FoundEvent, fate: Fate) -> str:
    """Return the page on which people see an event at its destination; "" where it is not known."""
    from audit_provider.operators import SHIP_OPERATORS

    delivery = pipeline.destinations.get(fate.destination)
    if delivery is None or fate.state not in ("delivered", "redriven"):
        return ""
    times = Window(found.event.time, found.event.time + _SECOND)
    with contextlib.suppress(AuditError, OverflowError):
        origin = origin_of(found.name.pipeline, pipeline.source, found.position)
        return SHIP_OPERATORS[delivery.type].link(delivery, origin, times)
    return ""
