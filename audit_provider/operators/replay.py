"""A replay from Airflow's side: which streams, which range, and where its offsets are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.accounting import beginning, letters_of
from audit_provider.core.errors import ConfigurationError, StopError
from audit_provider.core.ledger import offset_record
from audit_provider.core.model import ShipCounts, utc_now
from audit_provider.core.open_stream import open_streams
from audit_provider.core.replay import Replayed, TimeRange, account_of, replay, replay_table
from audit_provider.core.stream_name import StreamName
from audit_provider.operators.moments import moment_from
from audit_provider.operators.pending import joins_segments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import DeadLetter
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.model import Offset
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.spool import Store
    from audit_provider.operators.ship import ShipAuditLogsOperator


def range_from(params: Mapping[str, Any]) -> TimeRange:
    """Return the range that the form asks for: ``start`` and ``end``, either of which may be empty.

    :raises ConfigurationError: it is none.
    """
    start, end = (moment_from(params[key], key) if params.get(key) else None for key in ("start", "end"))
    try:
        return TimeRange(start, end)
    except ValueError as error:
        raise ConfigurationError(f"{error}: correct 'start' or 'end' in the form.") from None


def replay_streams(
    operator: ShipAuditLogsOperator, store: Store, delivery: Delivery, wanted: TimeRange, run_id: str
) -> ShipCounts:
    """Send what the spool holds of a range again, stream by stream, and return what became of it.

    A retry goes on where the try before it ended, by offsets that belong to this run alone and that
    :func:`forget_replay` removes when the run succeeds. The destination's own offsets are neither read nor written.

    :raises AuditError: it cannot go on. Everything is kept.
    """
    accounts = [
        _replay(operator, opened, delivery, wanted, run_id)
        for opened in open_streams(operator.ledger, store, operator.pipeline)
        if opened.head.number
    ]
    operator.log.info("Replay of %s.\n%s", wanted, replay_table(accounts))
    wrong = [each for each in accounts if not each.adds_up or each.pending]
    if wrong:
        raise StopError(
            f"the account of the replay of {wrong[0].stream} to {wrong[0].destination} does not add up: {wrong[0]}."
        )
    return sum((each.counts for each in accounts), ShipCounts())


def forget_replay(ledger: Ledger, store: Store, pipeline: str, destinations: Sequence[str], run_id: str) -> None:
    """Remove the offsets of a replay that has ended."""
    for name in StreamName.all_in(store, pipeline):
        for destination in destinations:
            offset_record(ledger, name, destination, replay=run_id).delete()


def _replay(
    operator: ShipAuditLogsOperator, opened: OpenStream, delivery: Delivery, wanted: TimeRange, run_id: str
) -> Replayed:
    stream, position = opened.stream, opened.position
    record = offset_record(operator.ledger, opened.name, operator.destination, replay=run_id)
    offset = opened.of_chain(record.load())
    if offset is None:
        own = opened.kept_offset(operator.destination)
        joins = bool(own.joins_segments) if own else joins_segments(opened.name, position)
        offset = replace(beginning(stream, position), joins_segments=joins)
    letters = letters_of(stream, operator.destination, None)

    def set_aside(refused: Sequence[DeadLetter]) -> None:
        letters.keep(refused, utc_now())
        operator.log.error("%d events set aside, the first: %s", len(refused), refused[0].reason)

    def commit(reached: Offset) -> None:
        record.commit(reached)
        operator.taken(reached.last_success)

    destination, terms = operator.connect_stream(delivery, position)
    offset = replay(destination, stream, position, offset, wanted, commit=commit, set_aside=set_aside, terms=terms)
    return account_of(stream, operator.destination, position, offset, wanted)
