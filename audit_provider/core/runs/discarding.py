"""Discarding: a person decides that dead letters are not sent again. That is recorded; nothing is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.open_stream import kept_letters
from audit_provider.core.shipping.letter_records import RedriveRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.arguments import Discard
    from audit_provider.core.shipping.dead_letters import DeadLetters
    from audit_provider.core.spool import Store

_NAMED = 10
"""Events that a warning names."""


def discard_letters(
    ledger: Ledger,
    store: Store,
    pipeline: str,
    destination: str,
    wanted: Discard,
    *,
    log: Log,
    now: Callable[[], datetime],
) -> int:
    """Record that open dead letters of all streams are discarded, and return how many events that are.

    Nothing is sent and nothing is removed: the letters stay in the spool, with who has discarded them and why. A letter
    that is not open stays as it is, so a repeat changes nothing.

    :raises AuditError: the spool or a record cannot be read or written. What was discarded before is recorded.
    """
    found: set[str] = set()
    for kept in kept_letters(ledger, store, pipeline, destination):
        if kept.unknown or not kept.letters.count().open:
            continue
        here = _discard(kept.letters, wanted, now())
        found.update(here)
        if here:
            by = wanted.by or "somebody whom Airflow does not name"
            folder = kept.name.folder
            log.info(
                "%d dead letters of %s in %s are discarded by %s: %s", len(here), destination, folder, by, wanted.why
            )
    if missing := sorted(wanted.events - found):
        log.warning(
            "%d events that were to be discarded are no open dead letters of %s: %s",
            len(missing),
            destination,
            ", ".join(missing[:_NAMED]),
        )
    return len(found)


def _discard(letters: DeadLetters, wanted: Discard, at: datetime) -> Collection[str]:
    found = [(line, letter.id) for line, letter in letters.open() if letter.id in wanted.events]
    if found:
        lines = tuple(line for line, _ in found)
        letters.record(RedriveRecord(at, discarded=lines, by=wanted.by, why=wanted.why, run=wanted.run))
    return {event for _, event in found}
