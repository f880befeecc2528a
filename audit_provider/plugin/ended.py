"""What was wrong lately and is no more, by cause, as what is wrong now is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.health import Outage
from audit_provider.plugin.ended_views import EndedIncident
from audit_provider.plugin.incidents import MOST_INCIDENTS, MOST_NAMED, usual_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.plugin.views import PipelineView

LATELY = timedelta(hours=24)
"""For how long an outage that ended is among the incidents; the pipeline's own view remembers it for longer."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """An outage, with the part of a pipeline that had it. :ivar name: of the source or of the destination."""

    pipeline: str
    kind: str
    cause: str
    name: str
    outage: Outage


def ended_of(views: Sequence[PipelineView], now: datetime) -> list[EndedIncident]:
    """Return the outages that ended in the last 24 hours, by the connection that failed, the last to end first."""
    groups: dict[tuple[str, str], list[_Seen]] = {}
    for each in _seen(views):
        if now - each.outage.ended <= LATELY:
            groups.setdefault((each.kind, each.cause), []).append(each)
    found = [_ended(kind, cause, group) for (kind, cause), group in groups.items()]
    found.sort(key=lambda each: each.key)
    found.sort(key=lambda each: each.ended, reverse=True)
    return found[:MOST_INCIDENTS]


def _seen(views: Sequence[PipelineView]) -> Iterator[_Seen]:
    for view in views:
        for outage in view.reading.outages:
            yield _Seen(view.name, "source", view.reading.conn_id, view.source, outage)
        for each in view.destinations:
            for outage in each.outages:
                yield _Seen(view.name, "destination", each.conn_id, each.name, outage)


def _ended(kind: str, cause: str, group: Sequence[_Seen]) -> EndedIncident:
    outages = [each.outage for each in group]
    together = _together((each.began, each.ended) for each in outages)
    pipelines = tuple(dict.fromkeys(each.pipeline for each in group))
    names = ", ".join(dict.fromkeys(each.name for each in group))
    error, _ = usual_error(each.error for each in outages)
    return EndedIncident(
        key=f"{kind} {cause}",
        text=f"{names} could not be {'read' if kind == 'source' else 'shipped to'} (connection {cause})",
        cause=cause,
        times=len(together),
        began=min(began for began, _ in together),
        ended=max(ended for _, ended in together),
        at_least=any(each.at_least for each in outages),
        longest=max((ended - began).total_seconds() for began, ended in together),
        waited=_waited(group),
        error=error,
        pipelines=pipelines[:MOST_NAMED],
        concerned=len(pipelines),
    )


def _waited(group: Sequence[_Seen]) -> int | None:
    most: dict[tuple[str, str], int] = {}
    for each in group:
        if each.outage.waited is not None:
            part = (each.pipeline, each.name)
            most[part] = max(most.get(part, 0), each.outage.waited)
    return sum(most.values()) if most else None


def _together(times: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return spans of time, those that overlap as one."""
    found: list[tuple[datetime, datetime]] = []
    for began, ended in sorted(times):
        if found and began <= found[-1][1]:
            found[-1] = (found[-1][0], max(ended, found[-1][1]))
        else:
            found.append((began, ended))
    return found
