"""Reading by the recovery source, which knows the same log by time, from within another strategy."""

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
    """Read on by time.

    :param start: where to begin. :param state: of that reading so far.
    :param kept: wraps its state into the state of the strategy that uses it.
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


class KeptSweep(Protocol):
    """State of a strategy, a dataclass, as far as a look for late events needs and changes it.

    :ivar began: where the first run began. :ivar swept_at: when late events were last looked for, and :ivar sweep: the
        look for them that has not ended. :ivar watermark: newest recorded time that is read.
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
    """Look for late events, or go on with the look that an earlier run left.

    :param reach: how far before the last look. :param settle: how long the vendor may take to show an event.
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
    """Read a span by time in one go, spool what is new, and return how much that was.

    :param state: of the strategy that asks; nothing of it moves. :param watermark: likewise.
    """
    end -= reader.recovery.spec.behind if reader.recovery else timedelta(0)
    return (yield from sweep(reader, OpenSweep(start, end), lambda _: state, watermark))
