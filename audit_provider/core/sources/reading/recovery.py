"""Read by time with the recovery source, which serves the same log, from within another strategy."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import back_by
from audit_provider.core.sources.reading.base import Step, packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.sources.reading.base import Steps
    from audit_provider.core.sources.reading.reader import Reader


def read_on(
    reader: Reader, start: datetime, state: dict[str, Any], kept: Callable[[dict[str, Any]], dict[str, Any]]
) -> Steps:
    """Continue reading by time.

    :param start: where to begin. :param state: of the reading by time so far.
    :param kept: wraps that state into the state of the strategy that uses it.
    :raises ConfigurationError: there is no recovery source.
    """
    if reader.recovery is None:
        raise ConfigurationError(f"{reader.pages.spec.title} no longer has a recovery source that reads it by time.")
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
    """A search for late events that has not ended.

    :ivar reading: state of reading its span by time. :ivar found: number of late events found so far.
    """

    start: datetime
    end: datetime
    reading: dict[str, Any] = field(default_factory=dict)
    found: int = 0


def sweep(
    reader: Reader, opened: OpenSweep, kept: Callable[[OpenSweep], dict[str, Any]], watermark: datetime | None
) -> Generator[Step, int, int]:
    """Read a span by time, from where an earlier run left it, and return the number of new events in all.

    :param kept: wraps the sweep into the state of the strategy that sweeps. :param watermark: its watermark, unchanged.
    """
    if reader.recovery is None:
        return 0
    by_time = replace(reader, pages=reader.recovery, recovery=None, start=opened.start, until=opened.end)
    # All of it was read once, so what the vendor no longer serves is not a gap.
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


class KeptSweep(Protocol):
    """The part of a strategy's state, a dataclass, that a search for late events reads and changes.

    :ivar began: start of the first run's time range. :ivar swept_at: when late events were last searched for.
    :ivar sweep: the search that has not ended. :ivar watermark: newest recorded time that is read.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def began(self) -> datetime: ...

    @property
    def swept_at(self) -> datetime | None: ...

    @property
    def sweep(self) -> OpenSweep | None: ...

    @property
    def watermark(self) -> datetime | None: ...


def sweep_late(reader: Reader, kept: KeptSweep, *, reach: timedelta, settle: timedelta) -> Steps:
    """Search for late events, or continue the search that an earlier run left.

    :param reach: how far before the last search. :param settle: how long the vendor may take to show an event.
    """
    now = reader.now()
    start = max(back_by(min(kept.swept_at or now, now), reach), kept.began)
    behind = reader.recovery.spec.behind if reader.recovery else timedelta(0)
    opened = kept.sweep or OpenSweep(start, now - settle - behind)
    found = yield from sweep(reader, opened, lambda sweep: packed(replace(kept, sweep=sweep)), kept.watermark)
    if found:
        reader.tell(f"the sweep found {found} late events")
    yield Step((), packed(replace(kept, swept_at=opened.end + settle, sweep=None)), now, kept.watermark)


def search(
    reader: Reader, start: datetime, end: datetime, state: dict[str, Any], watermark: datetime | None
) -> Generator[Step, int, int]:
    """Read a span by time in one run, spool the new events, and return their number.

    :param state: of the strategy that searches, unchanged. :param watermark: its watermark, unchanged.
    """
    end -= reader.recovery.spec.behind if reader.recovery else timedelta(0)
    return (yield from sweep(reader, OpenSweep(start, end), lambda _: state, watermark))
