"""A report as sentences and Markdown: for the task log, for messages, and for the file beside the page in the spool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from audit_provider.core.ledger.event_account import table
from audit_provider.core.model import date_of, lasting, text_of
from audit_provider.core.monitoring.activity import REST
from audit_provider.core.monitoring.categories import THEMES

if TYPE_CHECKING:
    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.monitoring.summary import DayAccount, DayDelivery, Finding, Summary

MOST_ACTIONS_LISTED = 40

_SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")
"""What Markdown would read as its own. Underscores between letters are not, so usual names stay as they are."""

_WEEK = 7
_DAYS = 14


def markdown_of(summary: Summary, accounts: Sequence[Account], gaps: Sequence[GapRecord] = ()) -> str:
    """Return the whole report.

    :param gaps: every gap, including those that are closed or acknowledged.
    """
    critical = sum(each.severity == "critical" for each in summary.findings)
    parts = [
        f"# {escaped(summary.pipeline)}: {escaped(summary.source)}",
        # If the accounts are not given, nothing can be said here about deliveries.
        *([verdict_of(accounts, gaps, critical)] if accounts else []),
        f"Report of {text_of(summary.made_at)}. {said_of_reading(summary)}",
        f"## Read and delivered by day (UTC)\n\n{_days(summary)}",
        f"## Gaps\n\n{_gaps(gaps)}",
        f"## Findings\n\n{findings_markdown(summary.findings) if summary.findings else 'None.'}",
        *([f"## Security-relevant actions\n\n{_watched(summary)}"] if summary.watched else []),
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
    """Return findings as a list, the most severe first."""
    return "\n".join(
        f"- **{each.severity}** {date_of(each.at)} {each.at:%H:%M} {escaped(each.title)}"
        for each in gravest_first(findings)
    )


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which they are shown: by severity, then the newest first."""
    order = ("critical", "warning", "info")
    newest = sorted(findings, key=lambda each: each.at, reverse=True)
    return sorted(newest, key=lambda each: order.index(each.severity))


def escaped(text: str) -> str:
    """Return a text from outside, escaped for Markdown and for messages made of it, on one line."""
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
    head = ("category", "today", "yesterday", f"{_WEEK} days before, a day", days_of(len(everything)))
    return f"{_table([head, *rows, ('all', *_columns(everything))])}\n\nToday: {themes}.{usual}"


def days_of(count: int) -> str:
    """Return a number of days in words."""
    return f"{count} day{'s' * (count != 1)}"


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


def _watched(summary: Summary) -> str:
    head = ("action", "by", "object", "user or group", "last on", "events")
    rows = [
        (
            escaped(each.action) or "(none)",
            escaped(each.actor),
            escaped(" ".join(filter(None, (each.object_type, each.object)))),
            escaped(each.target),
            str(each.last),
            f"{each.count:,}",
        )
        for each in summary.watched
    ]
    return _table([head, *rows])


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table: the first row is the head; the first column is aligned as text, others as numbers."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + "|".join([" --- "] + [" ---: "] * (len(rows[0]) - 1)) + "|")
    return "\n".join(lines)


def said_of_day(day: DayAccount) -> str:
    """Return a day in one line: ``28 Nov: 12 read, splunk 12 delivered, s3 9 delivered, 3 waiting at its end``."""
    parts = [f"{day.read:,} read", *(f"{name} {_delivery(each)}" for name, each in day.destinations.items())]
    return f"{day.day:%-d %b}: {', '.join(parts)}"


def _delivery(each: DayDelivery) -> str:
    parts = [f"{each.delivered:,} delivered"]
    parts += [f"{each.set_aside:,} set aside"] if each.set_aside else []
    parts += [f"{each.left_out:,} left out"] if each.left_out else []
    parts += [f"{each.waiting:,} waiting at its end"] if each.waiting else []
    return ", ".join(parts)


def said_of_yesterday(summary: Summary) -> str:
    """Return a sentence on what was read and delivered yesterday, or that no report was made."""
    yesterday = summary.made_at.date() - timedelta(days=1)
    found = next((each for each in summary.by_day if each.day == yesterday), None)
    return f"Yesterday, {said_of_day(found)}." if found else f"Yesterday, {yesterday:%-d %b}: no report was made."


def verdict_of(accounts: Sequence[Account], gaps: Sequence[GapRecord], findings: int) -> str:
    """Return the report in one sentence: pending events, open dead letters, open gaps, critical findings.

    :param findings: number of critical findings.
    """
    waiting = [each for each in accounts if each.pending]
    letters = sum(each.dead_letters for each in accounts)
    unclear = sum(gap.is_open for gap in gaps)
    parts = []
    if waiting:
        listed = ", ".join(f"{each.pending:,} for {each.destination}" for each in waiting)
        parts.append(f"events are waiting ({listed})")
    if letters:
        parts.append(f"{letters:,} dead {'letter is' if letters == 1 else 'letters are'} open")
    if unclear:
        parts.append(f"{unclear} {'gap is' if unclear == 1 else 'gaps are'} open")
    if findings:
        parts.append(f"{findings} critical {'finding' if findings == 1 else 'findings'}")
    if parts:
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."
    return "Every destination has everything that was read, and no gap is open." if accounts else "No gap is open."


def said_of_reading(summary: Summary) -> str:
    """Return a sentence on how far the source is read, with an absolute time."""
    if summary.lag is None:
        return "How far the source was read is not known: nothing was read yet, or a clock was wrong."
    at = summary.made_at - timedelta(seconds=summary.lag)
    return f"The source was read up to {text_of(at)}, {lasting(summary.lag)} before."


def said_of_gap(gap: GapRecord) -> str:
    """Return a gap in one line, with who has acknowledged it and why."""
    span = f"{text_of(gap.wanted)} to {text_of(gap.possible)}"
    of = f"{gap.stream}{f' to {gap.destination}' if gap.destination else ''}"
    state = "delivered since" if gap.closed else "open"
    if gap.acknowledged:
        note = f": {gap.acknowledged.note}" if gap.acknowledged.note else ""
        state = f"acknowledged by {gap.acknowledged.by}, {text_of(gap.acknowledged.at)}{note}"
    return f"{gap.kind} in {of}, {span}: {gap.reason} ({state})"
