"""The last look at a watched source, and the record that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.text.state_version import Codec

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger

HAND_OVER_EVERY = timedelta(minutes=1)
"""How often the record is written. A write costs Airflow's triggerer as much as several looks."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """The state of the looks at a source.

    :ivar kept_at: when this record was written, aware UTC. If the process that wrote it has ended, its last request was
        at most :data:`HAND_OVER_EVERY` and the length of a look after this time.
    :ivar looked_at: when the last successful look ended; None if there was none.
    :ivar every: seconds between two looks.
    :ivar failing_since: when the first of the failures in a row happened; None if the last look was successful.
    :ivar last_error: of the last look, "" if it was successful. :ivar waits_until: the service allows no look before
        this time.
    :ivar version: of the record, see ``state_version``.
    """

    kept_at: datetime
    looked_at: datetime | None = None
    every: float = 0.0
    failing_since: datetime | None = None
    last_error: str = ""
    waits_until: datetime | None = None
    version: int = 1


LOOKS: Codec[LastLook] = Codec(LastLook, "the last look", "delete it, the next look makes another", versioned=True)
"""How a :class:`LastLook` is kept."""


class LookRecord:
    """The last look at a watched source. Only its watcher writes it, unfenced, because the next look replaces it.

    :ivar key: under which it is kept.
    """

    def __init__(self, ledger: Ledger, pipeline: str) -> None:
        self._ledger = ledger
        self.key = str(RecordKey("look", StreamName(pipeline)))
        self._pipeline = pipeline

    def load(self) -> LastLook | None:
        """Return the last look; None if there is none.

        :raises StopError: the record holds something else. :raises UnavailableError: the ledger does not answer.
        """
        text = self._ledger.read(self.key)
        return LOOKS.unpack(text, f"the Variable {self.key}") if text else None

    def keep(self, look: LastLook) -> None:
        """Record a look. :raises UnavailableError: it may not have been recorded."""
        self._ledger.write(self.key, LOOKS.pack(look), f"The last look at the source of {self._pipeline}.")
