"""A report as Markdown: for the task log, for messages, and beside the page in the spool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from audit_provider.core.accounting import table
from audit_provider.core.model import date_of, text_of
from audit_provider.core.monitoring.activity import REST
from audit_provider.core.monitoring.by_day import (
    said_of_day,
    said_of_gap,
    said_of_reading,
    said_of_yesterday,
    verdict_of,
)
from audit_provider.core.monitoring.categories import THEMES

if TYPE_CHECKING:
    from audit_provider.core.accounting import Account
    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.monitoring.summary import Finding, Summary

MOST_ACTIONS_LISTED = 40

_SPECIAL = re.compile(r"([\\`*\[\]|~])")
_WEEK = 7
_DAYS = 14


def markdown_of(summary: Summary, accounts: Sequence[Account], gaps: Sequence[GapRecord] = ()) -> str:
    """Return the whole report.

    :param gaps: every gap, with those that are closed or acknowledged.
    """
    critical = sum(each.severity == "critical" for each in summary.findings)
    parts = [
        f"# {escaped(summary.pipeline)}: {escaped(summary.source)}",
        # Without accounts, these stand elsewhere, and a verdict on deliveries would be none.
        *([verdict_of(accounts, gaps, critical)] if accounts else []),
        f"Report of {text_of(summary.made_at)}. {said_of_reading(summary)}",
        f"## Read and delivered by day (UTC)\n\n{_days(summary)}",
        f"## Gaps\n\n{_gaps(gaps)}",
        f"## Findings\n\n{findings_markdown(summary.findings) if summary.findings else 'None.'}",
        f"## Activity\n\n{_activity(summary)}",
    ]
    if summary.actions:
        parts.append(f"## Actions\n\n{_actions(summary)}")
    if summary.unknown_actions:
        names = "\n".join(f"- {escaped(each)}" for each in summary.unknown_actions)
        parts.append(f"## Actions without a known meaning\n\n{names}")
    if accounts:
        parts.append(f"## Deliveries\n\n```\n{table(accounts)}\n```")
    return "\n\n".join(parts) + "\n"


def findings_markdown(findings: Iterable[Finding]) -> str:
    """Return findings as a list, the gravest first."""
    return "\n".join(
        f"- **{each.severity}** {date_of(each.at)} {each.at:%H:%M} {escaped(each.title)}"
        for each in gravest_first(findings)
    )


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which they should be seen."""
    order = ("critical", "warning", "info")
    newest = sorted(findings, key=lambda each: each.at, reverse=True)
    return sorted(newest, key=lambda each: order.index(each.severity))


def escaped(text: str) -> str:
    """Return a text of others as Markdown, and messages made of it, show it: on one line, and no mark-up."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return _SPECIAL.sub(r"\\\1", escape(line, quote=False))


def _days(summary: Summary) -> str:
    days = [f"- {escaped(said_of_day(each))}" for each in reversed(summary.by_day[-_DAYS:])]
    return "\n".join([escaped(said_of_yesterday(summary)), "", *days]) if days else "No day is known yet."


def _gaps(gaps: Sequence[GapRecord]) -> str:
    return "\n".join(f"- {escaped(said_of_gap(each))}" for each in gaps) or "Gaps: none."


def _activity(summary: Summary) -> str:
    if not summary.days:
        return "No events in the days still kept."
    rows = [(category, *_columns(days)) for category, days in summary.days.items()]
    everything = [sum(each) for each in zip(*summary.days.values(), strict=True)]
    usual = ""
    if summary.high:
        usual = f"\n\nUsual range on a day like today: {summary.low[-1]:,.0f} to {summary.high[-1]:,.0f} events."
    themes = " · ".join(
        f"{theme} {sum(days[-1] for category, days in summary.days.items() if category in categories):,}"
        for theme, categories in THEMES.items()
    )
    head = ("category", "today", "yesterday", f"{_WEEK} days before, a day", f"{len(everything)} days")
    return f"{_table([head, *rows, ('all', *_columns(everything))])}\n\nToday: {themes}.{usual}"


def _columns(days: Sequence[int]) -> tuple[str, ...]:
    before = days[-1 - _WEEK : -1]
    mean = sum(before) / len(before) if before else 0.0
    yesterday = days[-2] if len(days) > 1 else 0
    return f"{days[-1]:,}", f"{yesterday:,}", f"{mean:,.0f}", f"{sum(days):,}"


def _actions(summary: Summary) -> str:
    head = ("action", "category", "today", "yesterday", f"{_WEEK} days before, a day", "all")
    rows = [
        (escaped(each.action) or "(none)", each.category, *_columns(each.days))
        for each in summary.actions[:MOST_ACTIONS_LISTED]
    ]
    left = len(summary.actions) - len(rows)
    return _table([head, *rows]) + (f"\n\n{REST} and {left} more." if left > 0 else "")


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table: the first is the head, and only its first column is text beyond doubt."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + "|".join([" --- "] + [" ---: "] * (len(rows[0]) - 1)) + "|")
    return "\n".join(lines)
