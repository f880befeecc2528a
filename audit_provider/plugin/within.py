"""Work that waits for another service, with an end: a request of the page must not hang on a SIEM."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_threads = ThreadPoolExecutor(4, thread_name_prefix="audit-logs-page")


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns, or raise what it raises.

    :param seconds: how long to wait for it. It goes on in its thread afterwards, and ends by its own limits.
    :raises UnavailableError: it does not end in time.
    """
    job = _threads.submit(work)
    wait([job], seconds)
    if not job.done():
        job.cancel()
        raise UnavailableError(f"there was no answer within {seconds:.0f} s: see whether the service is up.")
    return job.result()
