"""What was read and delivered day by day, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import lasting, text_of

if TYPE_CHECKING:
    from audit_provider.core.accounting import Account
    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.monitoring.summary import DayAccount, DayDelivery, Summary


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
    """Return what was read and delivered yesterday, or that nobody knows."""
    yesterday = summary.made_at.date() - timedelta(days=1)
    found = next((each for each in summary.by_day if each.day == yesterday), None)
    return f"Yesterday, {said_of_day(found)}." if found else f"Yesterday, {yesterday:%-d %b}: no report was made."


def verdict_of(accounts: Sequence[Account], gaps: Sequence[GapRecord], findings: int) -> str:
    """Return the report in one sentence: what waits, what is set aside, which gaps are open.

    :param findings: how many of them are critical.
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
    """Return how far the source is read, as a time that stays true."""
    if summary.lag is None:
        return "Nothing has been read yet."
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
