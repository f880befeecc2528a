"""How an event may lie at a destination, to compare what is there with the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.delivery import form_of
from audit_provider.core.errors import UNREADABLE
from audit_provider.core.formats import as_json
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.shipping.selection import Selector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.position import Position
    from audit_provider.core.verification.arrival import Contents


def contents_of(
    delivery: Delivery | None, positions: Mapping[str, Position], source: str | Mapping[str, Any] | None = None
) -> Contents:
    """Return what says how an event may lie in a bucket: as it came, or in the form and redaction of a destination.

    What was shipped before the form or the redaction was changed lies there as it was, so the record as it came is
    always one of them.

    :param delivery: the destination; None where nobody knows it. :param positions: of the streams, by their folder.
    :param source: of the pipeline, as the pipelines file has it.
    """
    writers: dict[str, list[tuple[int, _Writer]]] = {}

    def writer_of(folder: str, segment: int) -> _Writer | None:
        if delivery is None or folder not in positions:
            return None
        if folder not in writers:
            pipeline = folder.partition("/")[0]
            sources = positions[folder].by_source(1)
            writers[folder] = [(last, _Writer(delivery, origin_of(pipeline, source, own))) for own, last in sources]
        known = writers[folder]
        return next((writer for last, writer in known if segment <= last), known[-1][1])

    def contents(folder: str, segment: int, event: Event) -> Iterator[bytes]:
        yield bytes(event.raw)
        if writer := writer_of(folder, segment):
            yield from writer.written(event)

    return contents


class _Writer:
    """Writes events of one source as a destination is sent them."""

    def __init__(self, delivery: Delivery, origin: Origin) -> None:
        self._form: Form = form_of(delivery, origin)
        self._select = Selector(delivery.selection, origin.fields).select

    def written(self, event: Event) -> Iterator[bytes]:
        """Yield the event as a line, and as a part of one."""
        try:
            selected = self._select(event)
            if selected is not None:
                yield self._form.write(selected)
                yield as_json(self._form, selected)
        except (*UNREADABLE, TypeError, KeyError, OverflowError):
            # It is set aside, and never sent.
            return
