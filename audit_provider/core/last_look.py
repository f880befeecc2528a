"""The last look at a watched source: the record for the page, and for a process that takes over from another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_provider.core.state_version import Codec

HAND_OVER_EVERY = timedelta(minutes=1)
"""How often the record is written. Each time costs Airflow's triggerer as much as several looks."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """How looking at a source goes.

    :ivar kept_at: when this was written, aware UTC. A process that ends sends no request later than
        :data:`HAND_OVER_EVERY` and the length of a look after it.
    :ivar looked_at: when the last look ended that went well; None if none has.
    :ivar every: seconds between two looks.
    :ivar failing_since: when the first of the failures in a row happened; None if the last look went well.
    :ivar last_error: of the last look, "" if it went well. :ivar waits_until: the service asks for no look before.
    :ivar version: of what is kept, see ``state_version``.
    """

    kept_at: datetime
    looked_at: datetime | None = None
    every: float = 0.0
    failing_since: datetime | None = None
    last_error: str = ""
    waits_until: datetime | None = None
    version: int = 1


LOOKS: Codec[LastLook] = Codec(LastLook, "the last look", "delete it, the next look makes another", versioned=True)
"""How it is kept."""
