"""Findings that last as long as their cause: lag, undelivered and refused events, gaps, notices of reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import lasting, text_of
from audit_provider.core.monitoring.summary import Finding, Severity, finding_id
from audit_provider.core.records.derived_names import Part, sentence

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.ledger.health import Notice
    from audit_provider.core.monitoring.settings import Monitoring

CRITICAL_LAG = 4
"""A lag of so many times the target is critical."""

CRITICAL_FAILURES = 3
"""So many failed runs in a row are critical."""

WITNESS_PATIENCE = timedelta(days=1)
"""How long a witness may be down without a finding; the next checkpoint that it signs covers all earlier ones."""

_LOST = frozenset({"look_back", "retention"})  # kinds of gaps that cannot be closed


def conditions(
    *,
    lag: float | None,
    accounts: Sequence[Account],
    dead_letters: Mapping[str, int],
    gaps: Sequence[GapRecord],
    settings: Monitoring,
    now: datetime,
    notices: Iterable[Notice] = (),
    unwitnessed_since: datetime | None = None,
) -> list[Finding]:
    """Return the current problems. A finding keeps its id while the same problem lasts with the same severity.

    :param lag: seconds; None if nothing was read. :param accounts: of the live stream.
    :param dead_letters: number of open ones, by destination. :param gaps: open ones.
    :param notices: signs that the source is described wrongly.
    :param unwitnessed_since: since when the witness has not signed a checkpoint; None if it signs.
    """
    return [
        *_lag(lag, settings, now),
        *_undelivered(accounts, now),
        *_refused(dead_letters, now),
        *_gaps(gaps, now),
        *_notices(notices),
        *_unwitnessed(unwitnessed_since, now),
    ]


def _lag(lag: float | None, settings: Monitoring, now: datetime) -> Iterator[Finding]:
    severity = severity_of(lag, settings)
    if lag is None or severity is None:
        return
    target = settings.lag_target.total_seconds()
    yield Finding(
        id=finding_id("lag", severity),
        kind="lag",
        severity=severity,
        title=f"Reading is {lasting(lag)} behind, where {lasting(target)} is the target.",
        at=now,
        high=target,
        names=(),
    )


def severity_of(lag: float | None, settings: Monitoring) -> Severity | None:
    """Return the severity of a lag of reading or of a destination; None if the target is met.

    :param lag: seconds; None if it is not known.
    """
    target = settings.lag_target.total_seconds()
    if lag is None or lag <= target:
        return None
    return "critical" if lag > CRITICAL_LAG * target else "warning"


def _undelivered(accounts: Sequence[Account], now: datetime) -> Iterator[Finding]:
    for each in accounts:
        failures = each.failures_in_a_row
        if not failures or not each.pending:
            continue
        severity: Severity = "critical" if failures >= CRITICAL_FAILURES else "warning"
        runs = "run" if failures == 1 else f"{failures} runs"
        said: list[Part] = [" (", ("answer", each.last_error.rstrip(".")), ")"] if each.last_error else []
        title, names = sentence(
            f"{each.destination} has {each.pending:,} undelivered event{_s(each.pending)}: its last {runs} failed",
            *said,
            ".",
        )
        yield Finding(
            id=finding_id("undelivered", each.destination, severity),
            kind="undelivered",
            severity=severity,
            title=title,
            at=now,
            subject=each.destination,
            count=each.pending,
            names=names,
        )


def _refused(dead_letters: Mapping[str, int], now: datetime) -> Iterator[Finding]:
    for destination, count in dead_letters.items():
        if count:
            yield Finding(
                # Reported again when there are ten times as many.
                id=finding_id("refused", destination, str(len(str(count)))),
                kind="refused",
                severity="warning",
                title=f"{destination} has {count:,} open dead letter{_s(count)}: correct the cause and redrive.",
                at=now,
                subject=destination,
                count=count,
                names=(),
            )


def _gaps(gaps: Sequence[GapRecord], now: datetime) -> Iterator[Finding]:
    for each in gaps:
        yield Finding(
            id=finding_id("gap", each.id),
            kind="gap",
            severity="critical" if each.kind in _LOST else "warning",
            title=f"Gap in {each.stream}{_at(each)} from {text_of(each.wanted)} to {text_of(each.possible)}: "
            f"{each.reason} ({each.kind}, id {each.id}).",
            at=each.found_at or now,
            subject=each.destination or each.stream,
            count=each.events or 0,
            names=(),
        )


def _notices(notices: Iterable[Notice]) -> Iterator[Finding]:
    for each in notices:
        yield Finding(
            id=finding_id("notice", each.key),
            kind="notice",
            severity=each.severity,
            title=f"{each.text[:1].upper()}{each.text[1:]}",
            at=each.at,
        )


def _unwitnessed(since: datetime | None, now: datetime) -> Iterator[Finding]:
    if since is None or now - since < WITNESS_PATIENCE:
        return
    yield Finding(
        id=finding_id("notice", "witness"),
        kind="notice",
        severity="warning",
        title=f"The witness has signed no checkpoint since {text_of(since)}: the log of the report says why.",
        at=since,
    )


def _at(gap: GapRecord) -> str:
    return f" at {gap.destination}" if gap.destination else ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"
