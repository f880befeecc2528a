"""Dead letters from Airflow's side: where they are, and how they are sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.dead_letters import DeadLetters
from audit_provider.core.errors import DeadLetteredError
from audit_provider.core.model import ShipCounts
from audit_provider.core.open_stream import open_stream
from audit_provider.core.redrive import redrive
from audit_provider.core.spool import Stream
from audit_provider.core.stream_name import StreamName
from audit_provider.settings import spool_uri

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Store
    from audit_provider.operators.ship import ShipAuditLogsOperator


@dataclass(frozen=True, slots=True)
class KeptLetters:
    """The dead letters of a destination in one chain of segments.

    :ivar position: of the stream, None where it is gone.
    """

    name: StreamName
    position: Position | None
    letters: DeadLetters


def kept_letters(ledger: Ledger, store: Store, pipeline: str, destination: str) -> list[KeptLetters]:
    """Return the dead letters of a destination in the live stream and every backfill's, also of chains that ended.

    :raises AuditError: the spool cannot be read.
    """
    found = []
    for name in StreamName.all_in(store, pipeline):
        chains = store.folders(f"{name.folder}/")
        chains = [each for each in chains if destination in store.folders(f"{name.folder}/{each}/dead/")]
        if not chains:
            # A record costs more than a look into the spool, and there are many windows, few of them with letters.
            continue
        opened = open_stream(ledger, store, name)
        for chain in chains:
            if opened and chain == opened.chain:
                letters = opened.letters(destination)
            else:
                letters = DeadLetters(Stream(store, name.folder, chain), destination)
            found.append(KeptLetters(name, opened.position if opened else None, letters))
    return found


def tell_set_aside(operator: ShipAuditLogsOperator, count: int, what: str) -> None:
    """Fail where events are in the dead-letter folder that were not there, or not to be there, before.

    :raises DeadLetteredError: there are such, and the destination's ``dead_letters`` does not let the run succeed.
    """
    if not count or operator.dead_letters != "fail":
        return
    events = "1 event was" if count == 1 else f"{count} events were"
    raise DeadLetteredError(
        f"{events} {what} and kept as dead letters of {operator.destination}, each with its reason (refused, or "
        f"too old), under {operator.spool or spool_uri()}/{operator.pipeline}; nothing else was held up: mend what "
        f"they name, and run the incremental DAG with 'redrive' to send them again."
    )


def redrive_letters(operator: ShipAuditLogsOperator, store: Store, delivery: Delivery) -> ShipCounts:
    """Send the open dead letters of a destination again and return what became of them.

    It stops in good order when the time of the task is up; the rest stays open.

    :raises AuditError: it cannot go on. What was taken before is recorded.
    """
    total = ShipCounts()
    for kept in kept_letters(operator.ledger, store, operator.pipeline, operator.destination):
        if not kept.letters.count().open:
            continue
        if kept.position is None and not operator.source:
            operator.log.warning(
                "Dead letters of %s stay where they are: its position is gone, so nobody knows their source; give the "
                "task its 'source'.",
                kept.name.folder,
            )
            continue
        destination, terms = operator.connect_stream(delivery, kept.position)
        counts = redrive(destination, kept.letters, terms=terms)
        left = kept.letters.count()
        operator.log.info(
            "Dead letters of %s in %s: %d taken (%d of them already there), %d refused again, %d too old, %d filtered; "
            "%d of %d are open.",
            operator.destination,
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
