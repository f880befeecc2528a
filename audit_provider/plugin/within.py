"""Time limits for work that waits for another service or reads much, so that a request of the page does not hang."""

from __future__ import annotations

import time
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_provider.core.spool import Store

_T = TypeVar("_T")
_threads = ThreadPoolExecutor(4, thread_name_prefix="audit-logs-page")
_readers = ThreadPoolExecutor(2, thread_name_prefix="audit-logs-evidence")
"""Threads for reading a whole spool, so that this work uses up no threads of other requests."""


class _OutOfTimeError(Exception):
    """The time limit is over. Not an error of this package: a verification would note those and continue."""


def within(seconds: float, work: Callable[[], _T], threads: Executor = _threads) -> _T:
    """Return what ``work`` returns, or raise what it raises.

    :param seconds: how long to wait for it. After that it continues in its thread and ends by its own limits.
    :param threads: where it runs.
    :raises UnavailableError: it does not end in time.
    """
    late = UnavailableError(f"there was no answer within {seconds:.0f} s: see whether the service is up.")
    job = threads.submit(work)
    wait([job], seconds)
    if not job.done():
        job.cancel()
        raise late
    try:
        return job.result()
    except _OutOfTimeError:
        raise late from None


def reading_within(seconds: float, store: Callable[[], Store], work: Callable[[Store], _T]) -> _T:
    """Call ``work`` with a spool that can be read for a limited time; return what it returns, or raise what it raises.

    :param seconds: the time limit; reading a further object after it ends ``work``.
    :param store: opens the spool.
    :raises UnavailableError: it does not end in time.
    """
    until = time.monotonic() + seconds
    return within(seconds, lambda: work(_Until(store(), until)), _readers)


class _Until:
    """A spool that raises an error if it is read after its time limit. :param until: by the monotonic clock."""

    def __init__(self, store: Store, until: float) -> None:
        self._store = store
        self._until = until

    def __str__(self) -> str:
        return str(self._store)

    def _check(self) -> None:
        if time.monotonic() >= self._until:
            raise _OutOfTimeError

    def put(self, key: str, content: bytes) -> None:
        self._check()
        self._store.put(key, content)

    def get(self, key: str) -> bytes:
        self._check()
        return self._store.get(key)

    def keys(self, prefix: str) -> Iterator[str]:
        for each in self._store.keys(prefix):
            self._check()
            yield each

    def names(self, folder: str, after: str = "") -> Iterator[str]:
        for each in self._store.names(folder, after):
            self._check()
            yield each

    def folders(self, prefix: str) -> list[str]:
        self._check()
        return self._store.folders(prefix)

    def delete(self, key: str) -> None:
        self._check()
        self._store.delete(key)
