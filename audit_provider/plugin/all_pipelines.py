"""The overview of all pipelines together: the verdict, the totals, and the matrix of rows and columns.

The verdict is "ok" only if every part is known, current and has run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from audit_provider.plugin.incidents import in_one_line
from audit_provider.plugin.overview_views import CellView, ColumnView, Matrix, ReadingCellView, RowView, Totals, Verdict
from audit_provider.plugin.views import STATES, DestinationView, PipelineView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.plugin.views import State

MOST_COLUMNS = 10
"""Most connections that have a column each. If there are more, the destinations of one type share a column."""

MOST_ROWS = 200
"""Most rows of one answer."""

MOST_TEXT = 120
"""Most characters of an error in a row."""

_WORDS = {"critical": "critical", "warning": "with a warning", "unknown": "unknown", "new": "never run", "off": "off"}

_MOST_NAMES = 3
_LAST = "9"
"""Sorts after every time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows a request asks for.

    :ivar find: part of the name of a pipeline, source, destination, connection or tag.
    :ivar state: one of ``STATES``, "" for all. :ivar tag: "" for all.
    :ivar sort: ``state``, ``name``, ``source``, ``waiting``, ``next_run``, or ``to:`` with the key of a column.
    :ivar down: whether the order is reversed. :ivar group: what rows are grouped by before they are ordered; a pipeline
        with several tags counts by its first.
    :ivar page: from 1. :ivar size: rows per page.
    """

    find: str = ""
    state: str = ""
    tag: str = ""
    sort: str = "state"
    down: bool = False
    group: Literal["", "source", "tag"] = ""
    page: int = 1
    size: int = 50


def verdict_of(views: Sequence[PipelineView], *, hidden: int = 0, mistakes: str = "") -> Verdict:
    """Return the verdict on all pipelines.

    :param views: of the pipelines that the user may see. :param hidden: how many others there are.
    :param mistakes: of the pipelines file, and what is left under names that are not in it; "" for none.
    """
    if not views:
        if mistakes:
            return Verdict("critical", "The pipelines file is wrong")
        if hidden:
            return Verdict("unknown", f"None of the {hidden} pipelines may be read by you")
        return Verdict("new", "There are no pipelines yet")
    total, counts = len(views), Counter(each.state for each in views)
    worst = min(counts, key=STATES.index)
    if worst == "ok":
        if mistakes:
            return Verdict("critical", "The pipelines file is wrong")
        if hidden:
            return Verdict(
                "unknown", f"No problem in {total} of {total + hidden} pipelines; you may not read the others"
            )
        return Verdict("ok", "The pipeline is fine" if total == 1 else f"All {total} pipelines are fine")
    if counts["new"] == total:
        text = f"{total} of {total} have not run yet"
    else:
        figures = [f"{counts[each]} {_WORDS[each]}" for each in STATES if each in _WORDS and counts[each]]
        text = f"{', '.join(figures)} of {total} {'pipeline' if total == 1 else 'pipelines'}"
    return Verdict("critical" if mistakes else worst, text)


def totals_of(views: Sequence[PipelineView], *, hidden: int = 0) -> Totals:
    """Return the totals of all pipelines that the user may see. :param hidden: how many others there are."""
    served = [each for view in views for each in view.destinations if each.enabled]
    waits = [since for each in served for since in (each.waiting_since, each.elsewhere_since) if since]
    return Totals(
        sources=len(views),
        current=sum(each.reading.state == "ok" for each in views),
        destinations=len(served),
        delivering=sum(each.state == "ok" for each in served),
        waiting=sum(each.pending + each.pending_elsewhere for each in served),
        waiting_since=min(waits, default=None),
        worst_source=_worst([each.reading.state for each in views], hidden),
        worst_destination=_worst([each.state for each in served], hidden),
    )


def _worst(states: Sequence[State], hidden: int) -> State:
    worst: State = min(states, key=STATES.index, default="new")
    return "unknown" if hidden and worst == "ok" else worst


def rows_of(views: Sequence[PipelineView], wanted: Wanted) -> tuple[list[PipelineView], Matrix]:
    """Return one page of pipelines, and the columns, counts and choices of the matrix."""
    text = wanted.find.strip().lower()
    found = [each for each in views if (not wanted.tag or wanted.tag in each.tags) and (not text or _has(each, text))]
    states = Counter(each.state for each in found)
    if wanted.state:
        found = [each for each in found if each.state == wanted.state]
    columns, by = _columns(found)
    found.sort(key=lambda each: each.name)
    found.sort(key=lambda each: _key(each, wanted.sort, by), reverse=wanted.down)
    if wanted.group:
        found.sort(key=lambda each: _group(each, wanted.group))
    pages = max(-(-len(found) // wanted.size), 1) if wanted.size else 1
    page = min(wanted.page, pages)
    matrix = Matrix(
        matched=len(found),
        page=page,
        pages=pages,
        columns=tuple(columns),
        by=by,
        states={each: states[each] for each in STATES if states[each]},
        tags=tuple(sorted({tag for each in views for tag in each.tags})),
    )
    return found[(page - 1) * wanted.size : page * wanted.size], matrix


def row_of(view: PipelineView) -> RowView:
    """Return a pipeline as a row of the matrix; its problems are among the incidents, the rest in its own view."""
    reading = view.reading
    return RowView(
        name=view.name,
        source=view.source,
        state=view.state,
        tags=view.tags,
        reading=ReadingCellView(reading.state, reading.last_complete, reading.failures_in_a_row),
        next_run=view.next_run,
        paused=view.paused,
        destinations=tuple(map(_cell, view.destinations)),
    )


def _cell(each: DestinationView) -> CellView:
    return CellView(
        name=each.name,
        type=each.type,
        enabled=each.enabled,
        state=each.state,
        conn_id=each.conn_id,
        pending=each.pending,
        pending_elsewhere=each.pending_elsewhere,
        waiting_since=each.waiting_since,
        elsewhere_since=each.elsewhere_since,
        failures_in_a_row=each.failures_in_a_row,
        last_error=in_one_line(each.last_error, MOST_TEXT),
        dead_letters=each.dead_letters,
        letters_counted=each.letters_counted,
    )


def _has(view: PipelineView, text: str) -> bool:
    words = [view.name, view.source, view.reading.conn_id, *view.tags]
    for each in view.destinations:
        words += (each.name, each.type, each.conn_id)
    return any(text in word.lower() for word in words)


def _group(view: PipelineView, group: str) -> tuple[bool, str]:
    """Return the sort key of a row's group; rows without a tag come last."""
    name = view.source if group == "source" else next(iter(view.tags), "")
    return not name, name


def _key(view: PipelineView, sort: str, by: Literal["conn_id", "type"]) -> Any:
    if sort == "name":
        return view.name
    if sort == "source":
        return STATES.index(view.reading.state), _moment(view.reading.last_complete)
    if sort == "waiting":
        return -sum(each.pending + each.pending_elsewhere for each in view.destinations if each.enabled)
    if sort == "next_run":
        return _moment(view.next_run)
    if sort.startswith("to:"):
        served = [each for each in view.destinations if getattr(each, by) == sort[3:]]
        return min(((STATES.index(each.state), oldest(each)) for each in served), default=(len(STATES), _LAST))
    return STATES.index(view.state)


def oldest(destination: DestinationView) -> str:
    """Return since when the oldest event waits, as a sort key; it sorts after every time if no event waits."""
    waits = [each for each in (destination.waiting_since, destination.elsewhere_since) if each]
    return min(waits).isoformat() if waits else _LAST


def _moment(moment: Any) -> str:
    return moment.isoformat() if moment else _LAST


def _columns(views: Sequence[PipelineView]) -> tuple[list[ColumnView], Literal["conn_id", "type"]]:
    served = [each for view in views for each in view.destinations]
    by: Literal["conn_id", "type"] = "conn_id" if len({each.conn_id for each in served}) <= MOST_COLUMNS else "type"
    groups: dict[str, list[DestinationView]] = {}
    for each in served:
        groups.setdefault(getattr(each, by), []).append(each)
    return [_column(key, group) for key, group in groups.items()], by


def _column(key: str, served: Iterable[DestinationView]) -> ColumnView:
    group = list(served)
    enabled = [each for each in group if each.enabled]
    return ColumnView(
        key=key,
        type=group[0].type,
        names=tuple(name for name, _ in Counter(each.name for each in group).most_common(_MOST_NAMES)),
        state=min((each.state for each in enabled), key=STATES.index, default="off"),
        destinations=len(enabled),
        delivering=sum(each.state == "ok" for each in enabled),
    )
