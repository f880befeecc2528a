"""What is wrong, or was wrong lately, by cause: a SIEM that is down for fifty pipelines is one cause and one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from audit_provider.core.model import Outage
from audit_provider.plugin.overview_views import EndedIncident
from audit_provider.plugin.views import STATES, Incident, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_provider.plugin.views import PipelineView

MOST_INCIDENTS = 50
"""Most lines that are shown; of the others, only their number."""

MOST_NAMED = 5
"""Most pipelines that an incident names in an overview."""

LATELY = timedelta(hours=24)
"""For how long a past outage is among the incidents; the pipeline's own view shows it for longer."""

_MOST_LETTERS = 300
"""Most characters of an error in one line."""

_STANDS_STILL = frozenset({"source", "destination", "dag", "stale", "scheduler"})
"""Kinds of problems that stop reading or shipping."""

_VARIES = re.compile(r"\d+")
"""Parts of an error that differ between two tries with the same cause: ports, counts, times."""


def incidents_of(views: Sequence[PipelineView]) -> tuple[list[Incident], int]:
    """Return the problems of all pipelines, one incident for each cause, and how many more there are.

    The worst come first, then those that concern most pipelines.
    """
    groups = _groups(views)
    shown = [_incident(key, group) for key, group in groups[:MOST_INCIDENTS]]
    return shown, len(groups) - len(shown)


def _groups(views: Sequence[PipelineView]) -> list[tuple[tuple[str, ...], list[tuple[str, Problem]]]]:
    """Return the problems by cause, each with the name of its pipeline."""
    groups: dict[tuple[str, ...], list[tuple[str, Problem]]] = {}
    for view in views:
        for each in view.problems:
            key = (each.kind, each.cause) if each.cause else (each.kind, view.name, each.text)
            groups.setdefault(key, []).append((view.name, each))

    def gravity(group: list[tuple[str, Problem]]) -> tuple[int, int, int]:
        # Problems that stop reading or shipping come first; what the audit events themselves show comes last.
        level = min(STATES.index(each.level) for _, each in group)
        kind = group[0][1].kind
        order = 0 if kind in _STANDS_STILL else 2 if kind == "finding" else 1
        return level, order, -len({name for name, _ in group})

    return sorted(groups.items(), key=lambda each: gravity(each[1]))


def _incident(key: tuple[str, ...], group: Sequence[tuple[str, Problem]]) -> Incident:
    problems = [each for _, each in group]
    first = problems[0]
    pipelines = tuple(dict.fromkeys(name for name, _ in group))
    error, other_errors = usual_error([each.error for each in problems])
    return Incident(
        key=" ".join(key),
        level=min((each.level for each in problems), key=STATES.index),
        text=_title(problems, pipelines) if first.cause else first.text,
        pipelines=pipelines,
        concerned=len(pipelines),
        cause=first.cause,
        test=_test_of(pipelines[0], first),
        since=min((each.since for each in problems if each.since), default=None),
        waiting=sum(each.waiting for each in problems),
        error=in_one_line(error),
        other_errors=other_errors,
        next_try=min((each.next_try for each in problems if each.next_try), default=None),
        log=next((each.log for each in problems if each.log), ""),
    )


def _test_of(pipeline: str, problem: Problem) -> str:
    """Return the API path that tests the connection of a problem; "" if the problem is about no connection."""
    if problem.kind not in ("source", "destination", "behind", "letters"):
        return ""
    destination = f"/destinations/{quote(problem.destination, safe='')}" if problem.destination else ""
    return f"pipelines/{quote(pipeline, safe='')}{destination}/test-connection"


def _title(problems: Sequence[Problem], pipelines: Sequence[str]) -> str:
    """Return a title for an incident, without what differs between the pipelines."""
    first = problems[0]
    names = ", ".join(dict.fromkeys(each.subject for each in problems if each.subject))
    if first.kind == "source":
        return f"{names} cannot be read (connection {first.cause})"
    if first.kind == "destination":
        return f"{names} cannot be shipped to (connection {first.cause})"
    if first.kind == "behind":
        return f"{names} is behind, though no run has failed (connection {first.cause})"
    if first.kind == "letters":
        count = sum(each.count for each in problems)
        return f"{names} has {count:,} dead {'letter' if count == 1 else 'letters'} (connection {first.cause})"
    if len(pipelines) == 1:
        return first.text
    return f"{first.summary} ({len(pipelines)} pipelines)"


@dataclass(frozen=True, slots=True)
class _Seen:
    """An outage of one source or destination of a pipeline. :ivar name: of the source or of the destination."""

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
    """Merge time ranges that overlap."""
    found: list[tuple[datetime, datetime]] = []
    for began, ended in sorted(times):
        if found and began <= found[-1][1]:
            found[-1] = (found[-1][0], max(ended, found[-1][1]))
        else:
            found.append((began, ended))
    return found


def usual_error(errors: Iterable[str]) -> tuple[str, int]:
    """Return the most frequent error as it first occurred ("" for none), and how many other errors there are.

    Errors that differ only in numbers count as one: they come from tries that failed for the same reason.
    """
    said: dict[str, list[str]] = {}
    for error in filter(None, errors):
        said.setdefault(_VARIES.sub("0", error), []).append(error)
    usual = max(said.values(), key=len, default=[""])
    return usual[0], max(len(said) - 1, 0)


def in_one_line(text: str, most: int = _MOST_LETTERS) -> str:
    """Return a text in one line, truncated if it is long. :param most: characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"
