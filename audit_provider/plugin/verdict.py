"""What the page says of all pipelines together. Nothing is fine unless every part is known, current and has run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from audit_provider.plugin.overview_views import Totals, Verdict
from audit_provider.plugin.views import STATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.plugin.views import PipelineView, State

_WORDS = {"critical": "critical", "warning": "with a warning", "unknown": "unknown", "new": "never run", "off": "off"}


def verdict_of(views: Sequence[PipelineView], *, hidden: int = 0, mistakes: str = "") -> Verdict:
    """Return the verdict on all pipelines.

    :param views: of those that the user may see. :param hidden: how many others there are.
    :param mistakes: of the pipelines file, and what waits under names that it does not have; "" for none.
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
    """Return what is asked first of all pipelines that the user may see. :param hidden: how many others there are."""
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
