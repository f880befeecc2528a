"""Reading by the recovery source, which knows the same log by time, from within another strategy."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.sources.reading.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable

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


@dataclass(frozen=True, slots=True)
class OpenSweep:
    """A look for late events that has not ended.

    :ivar reading: the state of reading that span by time. :ivar found: how many came late, so far.
    """

    start: datetime
    end: datetime
    reading: dict[str, Any] = field(default_factory=dict)
    found: int = 0


def sweep(
    reader: Reader, opened: OpenSweep, kept: Callable[[OpenSweep], dict[str, Any]], watermark: datetime | None
) -> Generator[Step, int, int]:
    """Read a span by time, from where an earlier run left it, and return how much was new in all.

    :param kept: the state of the strategy that sweeps, with the sweep as it stands. :param watermark: which stays.
    """
    if reader.recovery is None:
        return 0
    by_time = replace(reader, pages=reader.recovery, recovery=None, start=opened.start, until=opened.end)
    # All of it was read once, so what has come out of reach since is no gap.
    by_time = replace(by_time, start=max(opened.start, by_time.earliest or opened.start))
    if by_time.start >= opened.end:
        return 0
    inner = reader.recovery.spec.reading.steps(by_time, opened.reading)
    try:
        step = next(inner)
        while True:
            opened = replace(opened, reading=step.state)
            fresh = yield replace(step, state=kept(opened), watermark=watermark)
            opened = replace(opened, found=opened.found + fresh)
            step = inner.send(fresh)
    except StopIteration:
        return opened.found


def search(
    reader: Reader, start: datetime, end: datetime, state: dict[str, Any], watermark: datetime | None
) -> Generator[Step, int, int]:
    """Read a span by time in one go, spool what is new, and return how much that was.

    :param state: of the strategy that asks; nothing of it moves. :param watermark: likewise.
    """
    return (yield from sweep(reader, OpenSweep(start, end), lambda _: state, watermark))
