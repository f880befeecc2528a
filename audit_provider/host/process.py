"""What a task takes of its process: how long it sleeps there, and where the memory of a segment comes from."""

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
"""Seconds. A longer wait gives the worker slot or the triggerer's thread back: the task defers, the watch looks later.
A budget per minute is waited for by sleeping."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
_LARGE = 4 * 1024**2
_KEPT_FREE = 16 * 1024**2
_OWN_OPTIONS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def sleep_or_defer(seconds: float, *, sleep: Callable[[float], None] | None = None) -> None:
    """Sleep, or refuse to where it would hold a worker slot or a thread for long.

    :param sleep: in place of ``time.sleep``.
    :raises WaitError: ``seconds`` are more than :data:`LONGEST_SLEEP`.
    """
    if seconds > LONGEST_SLEEP:
        raise WaitError(
            f"The service asks for a pause of {seconds:.0f} s.", until=utc_now() + timedelta(seconds=seconds)
        )
    (sleep or time.sleep)(seconds)


def keep_large_blocks_apart() -> None:
    """Let the process take a block of over 4 MB from the system where its heap has no room, and give it back whole.

    glibc begins like that, but once such a block has been freed it lets its heap grow for the next ones, and smaller
    ones that live longer come to lie between them: the peak then grows with the number of segments. Without glibc, or
    where the environment sets options of malloc, this does nothing.
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if any(name in os.environ for name in _OWN_OPTIONS):
        return
    with suppress(AttributeError, OSError, TypeError):  # no such library, or no such function in it
        set_option = ctypes.CDLL(None).mallopt
        # Else the heap's end, too, would be given back and taken again with every batch.
        if set_option(_MMAP_THRESHOLD, _LARGE):
            set_option(_TRIM_THRESHOLD, _KEPT_FREE)
