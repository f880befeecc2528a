"""What became of one event at each destination of its pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import document_id, id_prefix, stream_name
from audit_provider.core.destinations.s3 import S3Options
from audit_provider.core.errors import AuditError, SpoolDamagedError
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.records.selection import Selection, Selector
from audit_provider.core.runs.applied_filters import DELIVERED_OR_FILTERED, AppliedFilters
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.streams.accounting import letters_of
from audit_provider.core.streams.dead_letters import DeadLetters
from audit_provider.core.streams.letter_files import Line
from audit_provider.core.streams.offset_in_chain import holds_passed

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Offset, Origin
    from audit_provider.core.runs.event_search import FoundEvent
    from audit_provider.core.runs.proving import Evidence
    from audit_provider.core.streams.letter_files import Letter

State = Literal[
    "delivered",
    "redriven",
    "filtered",
    "delivered or filtered",
    "discarded",
    "set aside",
    "pending",
    "not shipped",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an event at one destination.

    :ivar state: one word for it. ``filtered`` is judged by the filters under which the destination passed the event;
        ``delivered or filtered`` if these were changed, and it is not known which. ``delivered`` means that the
        destination has confirmed the event as its type defines it.
    :ivar reason: a sentence without its full stop, "" if the state says everything.
    :ivar after: and :ivar until: it reached this state between these times, aware UTC; None for no bound.
    :ivar there: the name or place under which the destination has it; "" if not known.
    """

    destination: str
    state: State
    reason: str = ""
    after: datetime | None = None
    until: datetime | None = None
    there: str = ""


def fates(
    ledger: Ledger,
    found: FoundEvent,
    deliveries: Mapping[str, Delivery | None],
    source: str | Mapping[str, Any] | None,
    evidence: Evidence,
) -> list[Fate]:
    """Return what became of an event at each destination.

    :param deliveries: the destinations by name; None for one that the pipelines file does not have.
    :param source: of the pipeline, as the pipelines file has it; None if not known.
    :param evidence: of the pipeline.
    :raises AuditError: the spool or a record cannot be read.
    """
    return [_fate(ledger, found, name, delivery, source, evidence) for name, delivery in deliveries.items()]


def _fate(
    ledger: Ledger,
    found: FoundEvent,
    destination: str,
    delivery: Delivery | None,
    source: str | Mapping[str, Any] | None,
    evidence: Evidence,
) -> Fate:
    kept = offset_record(ledger, found.name, destination).load()
    offset = kept.in_chain(found.chain) if kept else None
    letters = letters_of(found.stream, destination, offset) if offset else DeadLetters(found.stream, destination)
    place = (found.head.number, found.index)
    if offset is None:
        is_enabled = delivery is None or delivery.enabled
        return _without_offset(found, destination, letters, is_enabled=is_enabled, is_begun=kept is not None)
    if not _is_passed(offset, place):
        said = [] if delivery is None or delivery.enabled else ["the destination is not enabled"]
        if offset.failures_in_a_row:
            said.append(f"its last {offset.failures_in_a_row} runs failed: {offset.last_error}")
        return Fate(destination, "pending", "; ".join(said), after=found.manifest.written_at)
    if found.is_proven and found.position and not _holds(found, found.position, offset):
        reason = "a late run has replaced segments that this destination received; the next run ships from there again"
        return Fate(destination, "unknown", reason)
    if letter := _letter(letters, found):
        return _of_letter(destination, letters, *letter)
    lost = offset.counts.set_aside - offset.again - letters.count().kept
    if lost > 0:
        reason = f"the files of {lost:,} dead letters are missing, and it may be one: run 'audit-logs verify'"
        return Fate(destination, "unknown", reason)
    if found.place < offset.started_at:
        return Fate(destination, "not shipped", "it was spooled before the destination was added")
    origin = _origin(found, source)
    # A run that sent nothing because of filters is no success, so the last success may be older than the segment.
    is_since = offset.last_success is not None and offset.last_success >= found.manifest.written_at
    until = offset.last_success if is_since else None
    changes = evidence.filter_changes(found, destination, offset)
    filters = AppliedFilters.of(found.name.folder, offset, delivery, changes).under(place, found.manifest.written_at)
    rules = [_rule(each, found, origin) for each in filters]
    if all(rules):
        return Fate(destination, "filtered", rules[-1], after=found.manifest.written_at, until=until)
    if any(rules):
        named = "; ".join(filter(None, rules))
        why = f"its filters were changed after the event was spooled, and one of them leaves it out ({named})"
        return Fate(destination, DELIVERED_OR_FILTERED, why, after=found.manifest.written_at, until=until)
    there = _there(delivery, found, origin) if delivery is not None and origin is not None else ""
    return Fate(destination, "delivered", "", after=found.manifest.written_at, until=until, there=there)


def _without_offset(
    found: FoundEvent, destination: str, letters: DeadLetters, *, is_enabled: bool, is_begun: bool
) -> Fate:
    """Return the fate of an event if no record says how far the destination got in its chain."""
    if letter := _letter(letters, found):
        return _of_letter(destination, letters, *letter)
    if found.name.is_made_here:
        return Fate(destination, "not shipped", "it is this package's own event, and the pipeline does not send those")
    if found.is_proven and found.name.is_backfill and not is_begun:
        reason = (
            "the backfill has not begun with the destination: the run did not choose it, or its task has not run; to "
            "ship it, run the backfill again for this destination"
        )
        return Fate(destination, "not shipped", reason)
    if found.is_proven:
        reason = "the destination has not begun with this stream" if is_enabled else "the destination is not enabled"
        return Fate(destination, "pending", reason, after=found.manifest.written_at)
    return Fate(destination, "unknown", "no record says how far the destination got in this chain of segments")


def _is_passed(offset: Offset, place: tuple[int, int]) -> bool:
    ahead = any(each.segment == place[0] and 0 <= place[1] - each.index < each.count for each in offset.ahead)
    return ahead or place < (offset.segment, offset.index)


def _holds(found: FoundEvent, position: Position, offset: Offset) -> bool:
    return holds_passed(found.stream, position.head, offset)


def _letter(letters: DeadLetters, found: FoundEvent) -> tuple[Line, Letter] | None:
    """Return the last dead letter of an event; None if there is none."""
    place = (found.head.number, found.index)
    met = None
    for name in letters.names():
        segment, index = (int(each) for each in name.rpartition("/")[2].split("-")[:2])
        if (segment, index) > place:
            break  # the names are sorted by segment and index
        for number, letter in enumerate(letters.read(name)):
            if letter.place == place and letter.id == found.event.id:
                met = Line(name, number), letter
    return met


def _of_letter(destination: str, letters: DeadLetters, line: Line, letter: Letter) -> Fate:
    reason = f"{letter.reason}: {letter.answer}" if letter.answer else letter.reason
    for record in letters.records():
        if line in record.taken:
            said = f"it was set aside before ({reason})"
            return Fate(destination, "redriven", said, after=letter.set_aside_at, until=record.at)
        if line in record.filtered:
            said = f"left out when it was to be sent again; it was set aside before ({reason})"
            return Fate(destination, "filtered", said, after=letter.set_aside_at, until=record.at)
        if line in record.discarded:
            by = record.by or "somebody whom Airflow does not name"
            said = f"discarded by {by}: {record.why}; it was set aside before ({reason})"
            return Fate(destination, "discarded", said, after=letter.set_aside_at, until=record.at)
        again = next((each for each in record.refused if each.line == line), None)
        if again:
            reason = f"{again.reason}: {again.answer}" if again.answer else again.reason
    return Fate(destination, "set aside", reason, after=letter.set_aside_at, until=letter.set_aside_at)


def _origin(found: FoundEvent, source: str | Mapping[str, Any] | None) -> Origin | None:
    """Return the origin of an event; None if it is not known."""
    position = found.position
    if position is not None:
        position = next((own for own, last in position.by_source(1) if found.head.number <= last), position)
    try:
        return origin_of(found.name.pipeline, source, position)
    except AuditError:
        return None


def _rule(filters: Selection, found: FoundEvent, origin: Origin | None) -> str:
    """Return which of the filters leaves an event out; "" if none does."""
    if origin is None or not (filters.only or filters.omit):
        return ""
    action = found.fields.get("action", "")
    if filters.omit and Selector(Selection(omit=filters.omit), origin.fields).select(found.event) is None:
        rules = _naming(filters.omit, found, origin)
        return f"by 'except': {', '.join(rules)}"
    if filters.only and Selector(Selection(only=filters.only), origin.fields).select(found.event) is None:
        return f"by 'only': {', '.join(filters.only)} does not name {action!r}"
    return ""


def _naming(patterns: Iterable[str], found: FoundEvent, origin: Origin) -> list[str]:
    return [each for each in patterns if Selector(Selection(omit=(each,)), origin.fields).select(found.event) is None]


def _there(delivery: Delivery, found: FoundEvent, origin: Origin) -> str:
    """Return the name or place under which a destination stores a delivered event; "" if not known."""
    options = delivery.options
    if isinstance(options, ElasticsearchOptions):
        target = options.target or stream_name(origin.source, options.namespace)
        prefix = id_prefix(origin, options.document_id)
        return f"{target}, event.id" if prefix is None else f"{target}, _id {document_id(prefix, found.event.id)}"
    if isinstance(options, S3Options):
        return f"an object below s3://{options.bucket}/{options.prefix.strip('/')}".rstrip("/")
    return ""


def destinations_of(found: FoundEvent, deliveries: Mapping[str, Delivery]) -> dict[str, Delivery | None]:
    """Return the destinations that may have received an event: those of the pipelines file, and any with dead letters.

    :raises SpoolDamagedError: the spool cannot be listed.
    """
    folder = f"{found.name.folder}/{found.chain}" if found.chain else found.name.folder
    try:
        aside = found.store.folders(f"{folder}/dead/")
    except SpoolDamagedError:
        aside = []
    return {**dict.fromkeys(aside), **deliveries}
