"""What a reading strategy is: a generator of pages, each with the state to keep once the page is durable."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.model import Event, Gap
    from audit_provider.core.sources.pages import PageReader


@dataclass(frozen=True, slots=True)
class Step:
    """One page read.

    :ivar events: what to spool, less what is known already.
    :ivar state: the strategy's state from the moment these events are durable.
    :ivar since: events of this step were recorded at or after this time, so duplicates were spooled since.
    :ivar watermark: up to here everything is read, None where that cannot be said yet.
    """

    events: tuple[Event, ...]
    state: dict[str, Any]
    since: datetime
    watermark: datetime | None


Steps = Generator[Step, int, None]
"""Yields steps; is sent the number of events of the step that were new."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a strategy reads with.

    :ivar pages: of the source itself. :ivar recovery: of the source that reads the same log by time, if any.
    :ivar start: where the first run begins. :ivar until: end of a backfill window, None when reading on.
    :ivar report: called with each gap. :ivar tell: called with a line worth a log entry.
    """

    pages: PageReader
    recovery: PageReader | None
    start: datetime
    until: datetime | None
    now: Callable[[], datetime]
    report: Callable[[Gap], None]
    tell: Callable[[str], None]


class Reading(Protocol):
    """How to read a log on, without loss, from a kept state."""

    @property
    def reads_windows(self) -> bool:
        """Whether a window of the past can be read by itself, which is what a backfill needs."""

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """Yield what has come since ``state``; an empty state is the beginning.

        The generator ends when everything there is has been read. It may be dropped at any step; reading
        goes on from the last state that was kept.
        """
