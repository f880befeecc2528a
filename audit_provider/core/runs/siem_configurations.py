"""The destinations as an administrator sees them: their address and their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.streams.letter_files import folders_in_spool
from audit_provider.core.streams.open_stream import kept_letters, open_stream

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.spool import Store


@dataclass(frozen=True, slots=True)
class SiemConfiguration:
    """One destination of a pipeline and its state.

    :ivar endpoint: its address, or why the connection gives none. :ivar last_success: when a batch was last accepted.
    :ivar failures_in_a_row: failed runs since then. :ivar pending: events in the spool that it has not received.
    :ivar dead_letters: open dead letters, in the live stream and in backfills.
    :ivar last_error: "" if the last run succeeded.
    """

    pipeline: str
    name: str
    type: str
    endpoint: str
    enabled: bool
    last_success: datetime | None = None
    failures_in_a_row: int = 0
    pending: int = 0
    last_error: str = ""
    dead_letters: int = 0


def siem_configurations(
    ledger: Ledger, store: Store, pipelines: Iterable[Pipeline], *, endpoint: Callable[[Delivery], str]
) -> list[SiemConfiguration]:
    """Return every destination of every pipeline. Nothing is sent.

    :param endpoint: returns a destination's address as it may be shown, or raises an ``AuditError``.
    :raises AuditError: the spool or a record cannot be read.
    """
    found = []
    for pipeline in pipelines:
        name = StreamName(pipeline.name)
        opened = open_stream(ledger, store, name)
        folders = folders_in_spool(store, pipeline.name)
        for delivery in pipeline.destinations.values():
            offset = opened.offset(delivery.name) if opened else offset_record(ledger, name, delivery.name).load()
            letters = kept_letters(ledger, store, pipeline.name, delivery.name, folders)
            found.append(
                SiemConfiguration(
                    pipeline=pipeline.name,
                    name=delivery.name,
                    type=delivery.type,
                    endpoint=_shown(endpoint, delivery),
                    enabled=delivery.enabled,
                    last_success=offset.last_success if offset else None,
                    failures_in_a_row=offset.failures_in_a_row if offset else 0,
                    pending=opened.account(delivery.name).pending if opened else 0,
                    last_error=offset.last_error if offset else "",
                    dead_letters=sum(kept.letters.count().open for kept in letters),
                )
            )
    return found


def _shown(endpoint: Callable[[Delivery], str], delivery: Delivery) -> str:
    try:
        return endpoint(delivery)
    except AuditError as error:
        return str(error)
