"""A pipeline's calendar, compared with what its last verification has put into the stream of evidence."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError, StopError
from audit_provider.core.model import text_of
from audit_provider.core.runs.calendar import CALENDAR, Calendar, DayState, key_of
from audit_provider.core.runs.evidence_events import VERIFICATION_ACTION
from audit_provider.core.runs.proving import evidence_of
from audit_provider.core.verification.report import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.spool import Store

_LISTED = 5


class _Change(msgspec.Struct, frozen=True):
    after: DayState


class _Verified(msgspec.Struct, frozen=True):
    """One verification. :ivar calendar: SHA-256 of the calendar that it wrote; "" by versions that did not say it."""

    time: datetime
    action: str = ""
    calendar: str = ""
    days: dict[date, _Change] = {}


def calendar_faults(ledger: Ledger, store: Store, pipeline: str) -> list[Fault]:
    """Return how a pipeline's calendar differs from the one that its last verification wrote.

    A calendar that is gone claims nothing, so it is no fault. Where the stream of evidence is damaged, that is a fault
    of its own chain, and nothing is said here.

    :raises UnavailableError: the spool or a record cannot be read.
    """
    key = key_of(pipeline)
    if key not in set(store.keys(f"{key.rpartition('/')[0]}/")):
        return []
    try:
        last, states = _verified(ledger, store, pipeline)
    except SpoolDamagedError:
        return []
    if last is None or not last.calendar or hashlib.sha256(store.get(key)).hexdigest() == last.calendar:
        return []
    wrong = f"is not what the verification of {text_of(last.time)} wrote{_difference(store, pipeline, states)}"
    return [Fault("damaged", f"{pipeline}/{CALENDAR}", 0, key, wrong)]


def vouched_for(ledger: Ledger, store: Store, pipeline: str, calendar: Calendar, fault: str) -> Calendar:
    """Return a calendar that somebody has rewritten, with no day proven of which the events do not say so.

    :param fault: what is wrong with it, the reason of such days. :raises AuditError: as for :func:`calendar_faults`.
    """
    _, states = _verified(ledger, store, pipeline)
    days = dict(calendar.days)
    for day in _falsely_proven(calendar, states):
        days[day] = msgspec.structs.replace(days[day], state="read", reason=fault, proven_at=None)
    return msgspec.structs.replace(calendar, days=days)


def _verified(ledger: Ledger, store: Store, pipeline: str) -> tuple[_Verified | None, dict[date, DayState]]:
    """Return the last verification, and the state of each day by all of them."""
    last: _Verified | None = None
    states: dict[date, DayState] = {}
    for event in evidence_of(ledger, store, pipeline):
        try:
            found = _decoder.decode(event.raw)
        except UNREADABLE:
            continue  # evidence of another kind
        if found.action == VERIFICATION_ACTION:
            last = found
            states |= {day: change.after for day, change in found.days.items()}
    return last, states


def _difference(store: Store, pipeline: str, states: Mapping[date, DayState]) -> str:
    """Return which days are said to be proven, and are not by the events; "" where these do not say."""
    try:
        false = [str(day) for day in _falsely_proven(Calendar.load(store, pipeline), states)]
    except StopError:
        return ""
    if not false:
        return ""
    more = f" and {len(false) - _LISTED:,} more" if len(false) > _LISTED else ""
    return f": it says proven of {', '.join(false[:_LISTED])}{more}, and no verification says so"


def _falsely_proven(calendar: Calendar, states: Mapping[date, DayState]) -> list[date]:
    return [
        day for day, each in sorted(calendar.days.items()) if each.state == "proven" and states.get(day) != "proven"
    ]


_decoder = msgspec.json.Decoder(_Verified)
