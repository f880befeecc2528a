"""Makes the account of a stream at a destination, from the position, the offset and the dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError
from audit_provider.core.ledger.event_account import Account
from audit_provider.core.model import Offset
from audit_provider.core.streams.dead_letters import DeadLetters

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Place
    from audit_provider.core.ledger.event_account import LetterCounts
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.spool import Stream


def account(stream: Stream, destination: str, position: Position, offset: Offset | None) -> Account:
    """Return the account of one destination; pending events are counted in the spool, not inferred.

    :param offset: None if the destination has not begun.
    :raises SpoolDamagedError: a segment or manifest up to the offset is missing or is not what was written.
    """
    counts = position.counts
    place = _events_before(stream, position, offset)
    before = offset.started_at if offset else 0
    shipped = offset.counts if offset else None
    letters = letters_of(stream, destination, offset).count()
    return Account(
        stream=str(stream),
        destination=destination,
        read=counts.read,
        spooled=counts.spooled,
        duplicates=counts.duplicates,
        before=before,
        delivered=shipped.delivered if shipped else 0,
        already_there=shipped.already_there if shipped else 0,
        too_old=shipped.too_old if shipped else 0,
        dead_lettered=shipped.dead_lettered if shipped else 0,
        pending=position.head.total - place,
        filtered=shipped.filtered if shipped else 0,
        restamped=shipped.restamped if shipped else 0,
        redriven=letters.redriven,
        left_out=letters.filtered,
        discarded=letters.discarded,
        # The ledger proves a minimum: somebody may have removed files of letters.
        dead_letters=max(letters.open, _at_least_open(offset, letters)),
        again=offset.again if offset else 0,
        failures_in_a_row=offset.failures_in_a_row if offset else 0,
        last_error=offset.last_error if offset else "",
        same_id=counts.same_id,
        set_aside=counts.set_aside,
        outside=counts.outside,
        recorded_within=counts.recorded_within,
    )


def beginning(stream: Stream, position: Position) -> Offset:
    """Return the offset at which a new destination begins: the oldest segment kept."""
    oldest = stream.oldest()
    started_at = 0
    if 1 < oldest <= position.head.number:
        started_at = stream.walk(position.head).to(oldest).manifest.previous.total
    return Offset(segment=oldest, chain=position.chain, started_at=started_at, redriven="")


def letters_of(stream: Stream, destination: str, offset: Offset | None) -> DeadLetters:
    """Return the dead letters of a destination in a stream that is being shipped.

    :param offset: None if the destination has not begun; it will then get everything that is kept.
    """
    return DeadLetters(stream, destination, letters_before(stream, offset), offset)


def letters_before(stream: Stream, offset: Offset | None) -> Place:
    """Return the place before which dead letters count. :param offset: None if the destination has not begun."""
    return (offset.segment, offset.index) if offset else (stream.oldest(), 0)


def _at_least_open(offset: Offset | None, letters: LetterCounts) -> int:
    closed = letters.redriven + letters.filtered + letters.discarded
    return offset.counts.set_aside - offset.again - closed if offset else 0


def _events_before(stream: Stream, position: Position, offset: Offset | None) -> int:
    """Return how many events of the stream are before the offset."""
    if offset is None:
        return 0
    if offset.segment > position.head.number:
        return position.head.total
    if offset.segment < max(stream.oldest(), 1):
        raise SpoolDamagedError(
            f"the stream {stream} has no segment {offset.segment}, at which a delivery offset is: restore the segment."
        )
    return stream.walk(position.head).to(offset.segment).manifest.previous.total + offset.index
