"""How long one try of a shipment may last, its waits without a worker included: a DAG run waits for each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, UnavailableError, WaitError
from audit_provider.core.model import text_of

if TYPE_CHECKING:
    from datetime import datetime


class Patience:
    """How long a try may last, and whether the destination has taken something in it.

    :ivar begun: when the try began; a backfill's time starts over with each wait before which something was taken.
    :param minutes: that it may last. :param goes_on: whether no later run ships what is left, as for a backfill: it has
        no deadline then.
    """

    def __init__(self, destination: str, begun: datetime, minutes: int, *, goes_on: bool) -> None:
        self.begun = begun
        self._destination = destination
        self._minutes = minutes
        self._goes_on = goes_on
        self._taken_at: datetime | None = None

    @property
    def deadline(self) -> datetime | None:
        """When a try leaves the rest to the next run; None where no next run would ship it."""
        return None if self._goes_on else self._end

    @property
    def has_taken(self) -> bool:
        """Whether the destination has taken something in this try; of a backfill, since the last wait."""
        return self._taken_at is not None and self._taken_at >= self.begun

    def taken(self, at: datetime | None) -> None:
        """Note when the destination has taken something, as an offset says."""
        self._taken_at = max(filter(None, (self._taken_at, at)), default=None)

    def outlasting(self, error: AuditError) -> AuditError:
        """Return the error to end with: the same, or another where it is a wait that would end after the try.

        A backfill is shipped by no later run, so its time starts over with each wait before which something was taken.
        """
        if not isinstance(error, WaitError):
            return error
        if self._goes_on and self.has_taken:
            self.begun = error.until
        if error.until <= self._end:
            return error
        return UnavailableError(
            f"the destination {self._destination} asks to be left alone until {text_of(error.until)}, which is beyond "
            f"the {self._minutes} minutes of this task (run_minutes); everything is kept, the next try goes on."
        )

    @property
    def _end(self) -> datetime:
        return self.begun + timedelta(minutes=self._minutes)
