"""Collect the gaps of pipelines from their records of progress, and record acknowledgements by people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.gaps import Acknowledgement, GapRecord, gaps_in
from audit_provider.core.ledger.records import Acknowledgements, GapWindows
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import utc_now
from audit_provider.core.streams.open_stream import stream_progress
from audit_provider.core.text.validation import near

if TYPE_CHECKING:
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.spool import Store


def all_gaps(ledger: Ledger, store: Store, pipelines: Iterable[Pipeline]) -> list[GapRecord]:
    """Return every gap of every stream of some pipelines, including closed and acknowledged ones.

    :raises AuditError: the spool or a record cannot be read.
    """
    found: list[GapRecord] = []
    for pipeline in pipelines:
        names = streams_with_gaps(ledger, pipeline.name, StreamName.all_in(store, pipeline.name))
        found += gaps_of_streams(ledger, pipeline.name, names, list(pipeline.destinations))
    return found


def streams_with_gaps(ledger: Ledger, pipeline: str, known: Iterable[StreamName]) -> list[StreamName]:
    """Return the streams of a pipeline that may have gaps, each once, including streams without a folder in the spool.

    :param known: streams to include in any case, such as those in the spool.
    :raises StopError: the record of windows with gaps cannot be read.
    """
    always = [StreamName(pipeline), StreamName.of_reconciliation(pipeline)]
    return list(dict.fromkeys([*always, *known, *GapWindows(ledger, pipeline).load()]))


def gaps_of_streams(
    ledger: Ledger, pipeline: str, names: Iterable[StreamName], destinations: Sequence[str]
) -> list[GapRecord]:
    """Return every gap of some streams of one pipeline.

    :param destinations: names of the destinations that are served; a gap of late events is closed once all of them have
        received these events.
    :raises StopError: a record cannot be read.
    """
    acknowledged = Acknowledgements(ledger, pipeline).load()
    found: list[GapRecord] = []
    for name in names:
        if stream := stream_progress(ledger, name):
            offsets = stream.offsets(destinations)
            found += gaps_in(pipeline, name.folder, stream.position, offsets, acknowledged)
    return found


def acknowledge_gap(
    ledger: Ledger, store: Store, pipeline: Pipeline, gap_id: str, *, by: str, note: str = ""
) -> Acknowledgement:
    """Record that a person has examined and accepted a gap; it is no longer shown as open.

    :param by: the person. :param note: what was found out or done.
    :raises ConfigurationError: there is no such gap, or ``by`` is empty.
    :raises FencedError: another person has changed the acknowledgements at the same moment.
    """
    if not by.strip():
        raise ConfigurationError(f"the gap {gap_id} of {pipeline.name} is acknowledged by nobody: say who does it.")
    known = [each.id for each in all_gaps(ledger, store, [pipeline])]
    if gap_id not in known:
        hint = near(gap_id, known) if known else ": it has none"
        raise ConfigurationError(f"{pipeline.name} has no gap {gap_id!r}{hint}.")
    acknowledgement = Acknowledgement(by.strip(), utc_now(), note.strip())
    Acknowledgements(ledger, pipeline.name).add(gap_id, acknowledgement)
    return acknowledgement


def reopen_gap(ledger: Ledger, pipeline: str, gap_id: str) -> Acknowledgement:
    """Withdraw the acknowledgement of a gap, so that the gap is open again, and return the acknowledgement.

    :raises ConfigurationError: the gap is not acknowledged.
    :raises FencedError: another person has changed the acknowledgements at the same moment.
    """
    record = Acknowledgements(ledger, pipeline)
    found = record.load().get(gap_id)
    if found is None:
        raise ConfigurationError(f"{pipeline}: nobody has acknowledged the gap {gap_id!r}.")
    record.remove(gap_id)
    return found
