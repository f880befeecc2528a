"""How long to wait between two tries if the service names no wait."""

from __future__ import annotations

import random

LONGEST_BACKOFF = 30.0
"""Seconds. The longest pause between two tries where the service names none."""


def backoff(failures: int, *, base: float = 1.0, most: float = LONGEST_BACKOFF) -> float:
    """Return seconds to wait after ``failures`` in a row: exponential with full jitter."""
    longest: float = min(most, base * 2.0 ** (failures - 1))
    return random.uniform(0.3, 1.0) * longest  # noqa: S311  # nosec B311
