"""How long this package sleeps in a worker or a triggerer before it gives back what it holds."""

from __future__ import annotations

import time
from datetime import timedelta

from audit_provider.core.errors import WaitError
from audit_provider.core.model import utc_now

LONGEST_SLEEP = 61.0
"""Seconds. A longer wait gives the worker slot or the triggerer's thread back: the task defers, the watch looks later.
A budget per minute is waited for by sleeping."""


def sleep_or_defer(seconds: float) -> None:
    """Sleep, or refuse to where it would hold a worker slot or a thread for long.

    :raises WaitError: ``seconds`` are more than :data:`LONGEST_SLEEP`.
    """
    if seconds > LONGEST_SLEEP:
        raise WaitError(
            f"The service asks for a pause of {seconds:.0f} s.", until=utc_now() + timedelta(seconds=seconds)
        )
    time.sleep(seconds)
