"""Reading by the recovery source, which knows the same log by time, from within another strategy."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.sources.reading.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.sources.reading.base import Reader, Steps


def read_on(
    reader: Reader, start: datetime, state: dict[str, Any], kept: Callable[[dict[str, Any]], dict[str, Any]]
) -> Steps:
    """Read on by time.

    :param start: where to begin. :param state: of that reading so far.
    :param kept: wraps its state into the state of the strategy that uses it.
    :raises ConfigurationError: there is no recovery source.
    """
    if reader.recovery is None:
        raise ConfigurationError(f"{reader.pages.spec.title} has lost the source that reads it by time.")
    by_time = replace(reader, pages=reader.recovery, recovery=None, start=start)
    inner = reader.recovery.spec.reading.steps(by_time, state)
    try:
        step = next(inner)
        while True:
            fresh = yield replace(step, state=kept(step.state))
            step = inner.send(fresh)
    except StopIteration:
        return


def search(
    reader: Reader, start: datetime, end: datetime, state: dict[str, Any], watermark: datetime | None
) -> Generator[Step, int, int]:
    """Read a window by time, spool what is new, and return how much that was.

    :param state: of the strategy that asks; nothing of it moves. :param watermark: likewise.
    """
    if reader.recovery is None or start >= end:
        return 0
    by_time = replace(reader, pages=reader.recovery, recovery=None, start=start, until=end)
    inner, found = reader.recovery.spec.reading.steps(by_time, {}), 0
    try:
        step = next(inner)
        while True:
            fresh = yield replace(step, state=state, watermark=watermark)
            found += fresh
            step = inner.send(fresh)
    except StopIteration:
        return found
