"""Which streams a destination is shipped: those of its task, and the windows that hold what these have left out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.open_stream import stream_progress
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.open_stream import StreamProgress

_AT_WORK = timedelta(hours=1)
"""Since its last success: so long a shipment of a window's own may be on its way."""


def with_windows_elsewhere(
    ledger: Ledger, names: Iterable[StreamName], destination: str, now: datetime
) -> list[StreamName]:
    """Return streams to ship, in order, and the backfill windows that hold events which they have left out.

    So each event is in one stream, and each destination gets it, whichever of them it was added for. A window that the
    backfill's own task is shipping to the destination is left to that task.

    :raises StopError: a record holds something else.
    """
    found = {name: stream_progress(ledger, name) for name in names}
    wanted = list(found.values())
    while wanted:
        stream = wanted.pop()
        for folder in stream.position.elsewhere if stream else ():
            name = StreamName.of_folder(stream.name.pipeline, folder) if stream else None
            if name is None or name in found:
                continue
            window = stream_progress(ledger, name)
            if window and not _is_at_work(window, destination, now):
                found[name] = window
                wanted.append(window)
    return list(found)


def _is_at_work(window: StreamProgress, destination: str, now: datetime) -> bool:
    offset = window.offset(destination)
    return bool(offset and offset.last_success and now - offset.last_success < _AT_WORK)
