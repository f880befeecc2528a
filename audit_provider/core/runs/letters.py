"""Send the dead letters of a destination again, or record that a person has discarded them.

Nothing is removed: the letters stay in the spool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.model import ShipCounts
from audit_provider.core.shipping.sending_again import redrive
from audit_provider.core.streams.letter_files import RedriveRecord
from audit_provider.core.streams.open_stream import kept_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.arguments import Discard
    from audit_provider.core.runs.shipment import Shipment
    from audit_provider.core.spool import Store
    from audit_provider.core.streams.dead_letters import DeadLetters
    from audit_provider.core.streams.open_stream import KeptLetters


def redrive_letters(shipment: Shipment, *, has_source: bool = True) -> ShipCounts:
    """Send the open dead letters of a destination again and return what became of them.

    It stops without an error when the time of the task is over; the rest stays open.
    :param shipment: how the destination is reached.
    :param has_source: whether the source is known even if a stream's position was deleted.
    :raises AuditError: it cannot continue. What was accepted before is recorded.
    """
    total = ShipCounts()
    for kept in kept_letters(shipment.ledger, shipment.store, shipment.pipeline, shipment.destination):
        if kept.unknown:
            shipment.log.error(
                "Files of dead letters for %s lie in a chain of %s that no record of Airflow knows: nothing proves "
                "them, and they are not sent; 'audit-logs verify' names the files.",
                shipment.destination,
                kept.name.folder,
            )
            continue
        if not kept.letters.count().open:
            continue
        if kept.position is None and not has_source:
            shipment.log.warning(
                "Dead letters of %s stay where they are: its position is gone, so nobody knows their source; give "
                "the task its 'source'.",
                kept.name.folder,
            )
            continue
        counts = _redrive(shipment, kept)
        left = kept.letters.count()
        if unproven := left.open and sum(1 for _ in kept.letters.open()) - sum(1 for _ in kept.letters.proven()):
            shipment.log.error(
                "%d dead letters of %s in %s are not sent: neither the spool's segments nor Airflow's record prove "
                "their events; verify the spool, and load the past again where their segments are gone.",
                unproven,
                shipment.destination,
                kept.name.folder,
            )
        shipment.log.info(
            "Dead letters of %s in %s: %d taken (%d of them already there), %d refused again, %d too old, "
            "%d filtered; %d of %d are open.",
            shipment.destination,
            kept.name.folder,
            counts.taken,
            counts.already_there,
            counts.dead_lettered,
            counts.too_old,
            counts.filtered,
            left.open,
            left.kept,
        )
        total += counts
    return total


def _redrive(shipment: Shipment, kept: KeptLetters) -> ShipCounts:
    """Send the letters of one chain, each as an event of the source that it was read from."""
    position = kept.position
    if position is None or not position.earlier_sources:
        destination, terms = shipment.connect(position)
        return redrive(destination, kept.letters, terms=terms)
    if not kept.is_current:
        # The position's segment numbers belong to the next chain. It began with the source that this chain read last.
        destination, terms = shipment.connect(next(position.by_source(1))[0])
        return redrive(destination, kept.letters, terms=terms)
    counts, first = ShipCounts(), 1
    for own, last in position.by_source(first):
        destination, terms = shipment.connect(own)
        counts += redrive(destination, kept.letters, terms=terms, segments=range(first, last + 1))
        first = last + 1
    return counts


_NAMED = 10
"""Number of events that a warning names."""


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
    """Record that open dead letters of all streams are discarded, and return the number of events.

    Nothing is sent or removed: the letters stay in the spool, with who has discarded them and why. A letter that is not
    open stays as it is, so a repeat changes nothing.

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
