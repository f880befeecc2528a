"""What a destination lacks of the time range of a window, although it has received all that the window holds.

A window leaves out what an overlapping window has in the spool already. A destination that is added later, and is given
the second window alone, would then lack the events of the first one, and its task would be green.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from audit_provider.core.errors import SpoolDamagedError, StopError
from audit_provider.core.open_stream import open_stream, stream_progress
from audit_provider.core.shipping.offset_in_chain import is_at_end
from audit_provider.core.spool import RecentIds
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Store

_OWN_NAME = re.compile(r"-[0-9a-f]{32}$")
"""Ends the name of an event whose id another one has; which of the two has the id may differ between streams."""


def windows_within(ledger: Ledger, store: Store, names: Sequence[StreamName], destination: str) -> list[StreamName]:
    """Return further windows that lie within those that were shipped, and hold events that the destination lacks.

    Also those with which it has begun and that are not at their end, because no other task may ship them.

    :param names: of the streams that were shipped; only backfill windows are looked at.
    :raises AuditError: a record cannot be read. A damaged window is left to :func:`refuse_lacking`.
    """
    found: dict[StreamName, None] = {}
    for name, span in [(each, each.span) for each in names]:
        if span is None:
            continue
        inner = [
            each
            for each in StreamName.all_in(store, name.pipeline)
            if each not in names and (own := each.span) and span.start <= own.start and own.end <= span.end
        ]
        if not inner:
            continue
        with suppress(SpoolDamagedError):
            lacking = _lacking(ledger, store, name, destination)
            found |= dict.fromkeys(
                each for each in inner if each.folder in lacking or _is_begun(ledger, each, destination)
            )
    return list(found)


def _is_begun(ledger: Ledger, name: StreamName, destination: str) -> bool:
    progress = stream_progress(ledger, name)
    offset = progress.offset(destination) if progress else None
    return progress is not None and offset is not None and not is_at_end(offset, progress.head)


def refuse_lacking(ledger: Ledger, store: Store, names: Iterable[StreamName], destination: str, log: Log) -> None:
    """Refuse to end well if the spool holds events of a window's time range that the destination was never given.

    An event lacks if a window that the destination has not begun holds it, and neither the live stream nor a window
    that it has begun does. Events are compared by id.

    :param names: of the streams that were shipped; only backfill windows are looked at.
    :raises StopError: some lack. What was shipped is recorded.
    :raises UnavailableError: the spool or the ledger does not answer.
    """
    for name in names:
        if not name.is_backfill:
            continue
        try:
            lacking = _lacking(ledger, store, name, destination)
        except SpoolDamagedError as error:
            log.warning("%s Whether %s lacks events of %s is not known.", error, destination, name.folder)
            continue
        if lacking:
            found = " and ".join(f"{count:,} that only {folder} holds" for folder, count in lacking.items())
            raise StopError(
                f"{destination} has all events of {name.folder}, but of this time range it lacks {found}: trigger the "
                f"backfill with the start and the end of that window for {destination}."
            )


def _lacking(ledger: Ledger, store: Store, name: StreamName, destination: str) -> dict[str, int]:
    """Return how many events of a window's time range a destination lacks, by the folder that holds them."""
    span, own = name.span, open_stream(ledger, store, name)
    if span is None or own is None:
        return {}
    windows = [each for each in StreamName.all_in(store, name.pipeline) if each != name and each.overlaps(span)]
    others = [each for other in windows if (each := _opened(ledger, store, other, own))]
    unknown = [each for each in others if each.offset(destination) is None]
    if not unknown:
        return {}
    beside = (StreamName(name.pipeline), StreamName.of_reconciliation(name.pipeline))
    known = [each for other in beside if (each := _opened(ledger, store, other, own))]
    ids = RecentIds()
    try:
        for manifest in own.stream.back_from(own.head):
            ids.remember(map(_id, manifest.ids))
        for each in (*known, *(each for each in others if each not in unknown)):
            for some in each.stream.ids_within(each.head, span):
                ids.remember(map(_id, some))
        found: dict[str, int] = {}
        for each in unknown:
            for some in each.stream.ids_within(each.head, span):
                wanted = dict.fromkeys(map(_id, some))
                if count := len(wanted) - len(ids.add(wanted)):
                    found[each.name.folder] = found.get(each.name.folder, 0) + count
        return found
    finally:
        ids.close()


def _opened(ledger: Ledger, store: Store, name: StreamName, own: OpenStream) -> OpenStream | None:
    """Return a stream that holds events of the same account; None if it holds none."""
    opened = open_stream(ledger, store, name)
    return opened if opened and opened.head.number and opened.position.is_of(own.position.account) else None


def _id(name: str) -> str:
    return _OWN_NAME.sub("", name)
