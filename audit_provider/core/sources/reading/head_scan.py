"""Reading a list that has no time filter: from its newest end down to what is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.sources.reading.base import Backfill
from audit_provider.core.sources.reading.scan import scans

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.base import Reader, Steps


@dataclass(frozen=True, slots=True)
class HeadScan:
    """Read from the head until a whole page is older than ``watermark - overlap``, or the list ends.

    It never stops at the first known event, for late rows lie below known ones. The watermark is kept after the last
    page, never before. An interrupted scan goes on where it was, then one more begins at the head.

    :ivar overlap: how far below the watermark a scan goes on.
    :ivar sweep_every: time between looks for late events. :ivar sweep_reach: how far back; 0 for none.
    """

    overlap: timedelta = timedelta(minutes=15)
    sweep_every: timedelta = timedelta(hours=1)
    sweep_reach: timedelta = timedelta(hours=24)

    @property
    def backfill(self) -> Backfill:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        return "scan"

    def steps(self, reader: Reader, state: dict[str, Any]) -> Steps:
        """See :class:`~audit_provider.core.sources.reading.base.Reading`."""
        yield from scans(self, reader, state, by_time=False, resumes=True)
