"""The newest position of a stream, where the one that everybody reads may be older."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit_provider.core.open_stream import open_stream
from audit_provider.core.passage import is_at_end
from audit_provider.core.position_writer import PositionWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.spool import Store
    from audit_provider.core.stream_name import StreamName


def opened_for(ledger: Ledger, store: Store, name: StreamName, destinations: Iterable[str]) -> OpenStream | None:
    """Return a stream; by the copy of its position if a destination has passed more than the position holds.

    A task that was frozen before it wrote the position may have put an older one in its place.

    :return: None if nothing was read into it.
    :raises StopError: a record holds something else.
    """
    opened = open_stream(ledger, store, name)
    for offset in map(opened.offset, destinations) if opened else ():
        if opened and offset and offset.segment > opened.head.number and not is_at_end(offset, opened.head):
            position = PositionWriter(ledger, name).load()
            return replace(opened, position=position) if position else opened
    return opened
