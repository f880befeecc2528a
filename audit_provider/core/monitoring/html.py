"""A report as one self-contained HTML page: no script, no font, no request; light or dark as the browser is set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from audit_provider.core.model import date_of, lasting, text_of
from audit_provider.core.monitoring.charts import bars, legend
from audit_provider.core.monitoring.markdown import (
    days_of,
    gravest_first,
    said_of_reading,
    said_of_yesterday,
    verdict_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.monitoring.summary import Finding, Summary

_COLOURS = (
    "#3b82c4",
    "#b85f00",
    "#2a8a5d",
    "#c0489a",
    "#7c6bd6",
    "#0b828d",
    "#94700a",
    "#64748b",
    "#d04a3b",
    "#6b7a2a",
)
"""Each has a contrast of at least 3:1 with white and with black."""

_MOST_ACTIONS = 40
_DAYS = 14
"""Days that are listed with the numbers of events read and delivered."""

_ACCOUNT = (
    "spooled",
    "before its beginning",
    "delivered",
    "of these with current time",
    "pending",
    "set aside: too old",
    "set aside: refused",
    "left out by settings",
    "sent again",
    "of the set aside, delivered later",
    "arrived in all",
    "discarded",
    "open dead letters",
)


def page_of(
    summary: Summary, accounts: Sequence[Account], gaps: Sequence[GapRecord] = (), lag_target: timedelta | None = None
) -> str:
    """Return the whole report as a page. Every text from outside is escaped.

    :param gaps: every gap, including those that are closed or acknowledged.
    :param lag_target: how far reading may be behind; None to draw no line for it.
    """
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=f"{summary.pipeline}: {summary.source}",
            colours=_COLOURS,
            verdict=verdict_of(accounts, gaps, sum(each.severity == "critical" for each in summary.findings)),
            made_at=text_of(summary.made_at),
            read=said_of_reading(summary),
            today=summary.made_at.date(),
            yesterday=said_of_yesterday(summary),
            days=list(reversed(summary.by_day[-_DAYS:])),
            destinations=list(dict.fromkeys(name for day in summary.by_day[-_DAYS:] for name in day.destinations)),
            account_heads=_ACCOUNT,
            accounts=[_account(each) for each in accounts],
            errors=[(each.destination, each.last_error) for each in accounts if each.last_error],
            gaps=gaps,
            findings=gravest_first(summary.findings),
            watched=summary.watched,
            charts=_charts(summary, lag_target),
            actions=_actions(summary),
            more_actions=max(len(summary.actions) - _MOST_ACTIONS, 0),
            period=days_of(len(summary.actions[0].days)) if summary.actions else "",
            unknown=summary.unknown_actions,
        )
    )
    return f"{page}\n"


def findings_table(findings: Iterable[Finding]) -> str:
    """Return findings as a table, the most severe first."""
    table: Any = _environment().get_template("findings.html.j2").module
    return str(table.findings_table(gravest_first(findings)))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, finalize=_printable
    )
    environment.filters["minute"] = _minute
    return environment


def _printable(value: Any) -> Any:
    """Return a text without control characters, which a page must not contain; autoescape does the rest."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "".join(letter if letter.isprintable() else " " for letter in value)
    return value


def _minute(moment: datetime) -> str:
    return f"{date_of(moment)} {moment:%H:%M}"


def _account(each: Account) -> tuple[str, ...]:
    counts = (
        each.spooled,
        each.before,
        each.delivered + each.already_there,
        each.restamped,
        each.pending,
        each.too_old,
        each.dead_lettered,
        each.filtered,
        each.again,
        each.redriven,
        each.arrived,
        each.discarded,
        each.dead_letters,
    )
    return (each.destination, *(f"{count:,}" for count in counts))


def _charts(summary: Summary, lag_target: timedelta | None) -> list[dict[str, Any]]:
    if not summary.days or summary.first_day is None:
        return []
    count = len(next(iter(summary.days.values())))
    labels = [f"{summary.first_day + timedelta(days=each):%d %b}" for each in range(count)]
    usual = "The band shows the usual range for all categories together." if summary.high else ""
    parts = [
        {
            "title": "Activity, events a day",
            "chart": bars("Events by category and day", labels, summary.days, low=summary.low, high=summary.high),
            "legend": legend(list(summary.days)),
            "note": f"{usual} The last day is not over.".strip(),
        }
    ]
    if any(summary.lags):
        minutes = {"lag": [each / 60 for each in summary.lags]}
        target = lag_target.total_seconds() if lag_target else 0.0
        # A target far above all bars would make them too small.
        limit = (target / 60, f"target {lasting(target)}") if 0 < target < 4 * max(summary.lags) else None
        chart = bars("Largest lag by day, minutes", labels, minutes, unit=" min", limit=limit)
        parts.append(
            {"title": "Lag of reading, minutes, largest of each day", "chart": chart, "legend": "", "note": ""}
        )
    for destination, counts in summary.delivered.items():
        if any(counts):
            chart = bars(f"Events delivered to {destination} by day", labels, {destination: counts})
            parts.append(
                {"title": f"Delivered to {destination}, events a day", "chart": chart, "legend": "", "note": ""}
            )
    return parts


def _actions(summary: Summary) -> list[tuple[str, str, int, int, int, int]]:
    return [
        (
            each.action,
            each.category,
            each.days[-1],
            each.days[-2] if len(each.days) > 1 else 0,
            sum(each.days[-8:-1]),
            sum(each.days),
        )
        for each in summary.actions[:_MOST_ACTIONS]
    ]
