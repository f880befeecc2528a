"""How long one try of a ship task may last, its waits without a worker included: a DAG run waits for each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, UnavailableError, WaitError
from audit_provider.core.model import text_of, utc_now

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.operators.ship import ShipAuditLogsOperator


def deadline_of(operator: ShipAuditLogsOperator) -> datetime | None:
    """Return when a task leaves the rest to the next run; None where no next run would ship it."""
    return None if operator.by_window else _end(operator)


def has_taken(operator: ShipAuditLogsOperator) -> bool:
    """Whether the destination has taken something in this try; of a backfill, since the last wait."""
    return bool(operator.begun and operator.taken_at and operator.taken_at >= operator.begun)


def outlasting(operator: ShipAuditLogsOperator, error: AuditError) -> AuditError:
    """Return the error to end with: the same, or another where it is a wait that would end after the try.

    A backfill is shipped by no later run, so its time begins anew with each wait before which something was taken.
    """
    if not isinstance(error, WaitError):
        return error
    if operator.by_window and has_taken(operator):
        operator.begun = error.until
    if error.until <= _end(operator):
        return error
    return UnavailableError(
        f"the destination {operator.destination} asks to be left alone until {text_of(error.until)}, which is beyond "
        f"the {operator.run_minutes} minutes of this task (run_minutes); everything is kept, the next try goes on."
    )


def _end(operator: ShipAuditLogsOperator) -> datetime:
    return (operator.begun or utc_now()) + timedelta(minutes=operator.run_minutes)
