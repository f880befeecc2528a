"""How a task uses its process: how long it sleeps there, and where the memory of a segment comes from."""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import WaitError
from audit_provider.core.model import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_SLEEP = 61.0
"""Seconds. A longer wait gives the worker slot or the triggerer's thread back: the task defers, and the watch looks
later. Waits for a budget per minute are shorter, so they sleep."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
_LARGE = 4 * 1024**2
_KEPT_FREE = 16 * 1024**2
_OWN_OPTIONS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def sleep_or_defer(seconds: float, *, sleep: Callable[[float], None] | None = None) -> None:
    """Sleep, or raise an error if the sleep would hold a worker slot or a thread for long.

    :param sleep: used instead of ``time.sleep``.
    :raises WaitError: ``seconds`` is more than :data:`LONGEST_SLEEP`.
    """
    if seconds > LONGEST_SLEEP:
        raise WaitError(
            f"The service asks for a pause of {seconds:.0f} s.", until=utc_now() + timedelta(seconds=seconds)
        )
    (sleep or time.sleep)(seconds)


def keep_large_blocks_apart() -> None:
    """Make malloc take a block of over 4 MB from the system if its heap has no room, and give it back as a whole.

    glibc does so at first. But once such a block has been freed, it puts the next ones on its heap. Smaller blocks that
    live longer then lie between them, so the peak memory grows with the number of segments. Without glibc, or if the
    environment sets options of malloc, this does nothing.
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if any(name in os.environ for name in _OWN_OPTIONS):
        return
    with suppress(AttributeError, OSError, TypeError):  # no such library, or no such function in it
        set_option = ctypes.CDLL(None).mallopt
        # Otherwise the end of the heap would be given back and taken again with every batch.
        if set_option(_MMAP_THRESHOLD, _LARGE):
            set_option(_TRIM_THRESHOLD, _KEPT_FREE)
