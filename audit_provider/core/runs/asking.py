"""The scheduled verification asks destinations whether they have the events that they confirmed.

Each event is asked for once, soon after it was delivered. A destination may keep events for a shorter time than the
spool, so only events of the last days are asked for. A missing event is asked for again until it is there. This module
also says which destinations can be asked, how, and in which forms they may store an event.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.delivery import form_of
from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import stream_name
from audit_provider.core.destinations.s3_options import S3Options
from audit_provider.core.errors import UNREADABLE, AuditError, ConfigurationError, CredentialError
from audit_provider.core.formats import as_json
from audit_provider.core.model import text_of
from audit_provider.core.records.selection import Selector
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.runs.own_streams import CONFIGURATION_ACTION
from audit_provider.core.runs.proving import evidence_with
from audit_provider.core.verification.arrival import IdBuckets
from audit_provider.core.verification.day_arrivals import Asked, DayDocuments, DayObjects, answered, place_of
from audit_provider.core.verification.documents import DocumentSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.formats import Form
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.runs.calendar import Day
    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.verification.arrival import Contents
    from audit_provider.core.verification.day_arrivals import DayArrival

ASKED_WITHIN = timedelta(days=7)
"""A destination may have deleted events that were spooled longer ago, so it is not asked for them."""

MOST_ASKED = 2_000_000
"""Events that one run asks a destination for; later days wait for the next run. No day is split."""

Answers = dict[date, dict[str, Asked]]
"""What destinations answered, by day and destination name."""


@dataclass
class Asking:
    """Collects the events of some days, and asks destinations for them.

    :ivar arrival_of: returns the :class:`DayArrival` that asks the destination of this name, or raises a
        :class:`~audit_provider.core.errors.ConfigurationError` if the destination cannot be asked.
    :ivar names: of the destinations. :ivar before: the days as the last verification judged them.
    :ivar changed: days with new events.
    :ivar configured: when the configuration of each destination last changed, by its name. Events that were spooled
        before may have been sent in another form than now.
    """

    arrival_of: Callable[[str], DayArrival]
    names: Collection[str]
    before: Mapping[date, Day]
    changed: Collection[date]
    now: datetime
    configured: Mapping[str, datetime] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _found: dict[str, DayArrival | AuditError] = field(default_factory=dict, init=False)
    _ids: dict[str, IdBuckets] = field(default_factory=dict, init=False)
    _counts: dict[str, dict[date, int]] = field(default_factory=dict, init=False)
    _passed: dict[str, set[date]] = field(default_factory=dict, init=False)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def meet(self, name: str, folder: str, manifest: Manifest, event: Event) -> None:
        """Note an event that a destination has confirmed. :param folder: of its stream."""
        day = event.time.date()
        if name not in self.names or not self._wants(name, day, manifest):
            return
        if name in self.configured and manifest.written_at < self.configured[name]:
            self._passed.setdefault(name, set()).add(day)
            return
        counts = self._counts.setdefault(name, {})
        counts[day] = counts.get(day, 0) + 1
        arrival = self._arrival(name)
        if not isinstance(arrival, AuditError) and (found := arrival.key(folder, manifest.number, event)):
            key, digests = found
            self._ids[name].add(place_of(day), [key], [tuple(digests)])

    def answers(self) -> Answers:
        """Ask each destination for the events that were noted.

        If a destination could not be asked, what it lacked before stays recorded. For a day of which it was asked for
        some events only, only missing events are reported.
        """
        found: Answers = {}
        for name, days in self._passed.items():
            why = f"its configuration was changed at {text_of(self.configured[name])}, after events of it were spooled"
            for day in days:
                found.setdefault(day, {})[name] = Asked(self.now, why_not=why)
        for name, counts in self._counts.items():
            for day, asked in self._of(name, counts).items():
                if asked.lacks or asked.later or day not in self._passed.get(name, ()):
                    found.setdefault(day, {})[name] = asked
        return {
            day: {name: each for name, each in own.items() if not (each.why_not and self._lacked(name, day))}
            for day, own in found.items()
        }

    def _lacked(self, name: str, day: date) -> bool:
        known = self.before.get(day)
        asked = known.asked.get(name) if known else None
        return asked is not None and bool(asked.lacks)

    def _of(self, name: str, counts: Mapping[date, int]) -> dict[date, Asked]:
        arrival = self._found[name]
        counts = {day: count for day, count in counts.items() if not self._is_answered(name, day, count)}
        if isinstance(arrival, AuditError):
            return dict.fromkeys(counts, self._not_asked(arrival, later=False))
        days = _first(counts)
        try:
            answers = answered(self._ids[name], arrival, days, self.now)
        except AuditError as error:
            # A credential that may only write is no fault. A target that is gone or does not answer may be one.
            answers = dict.fromkeys(days, self._not_asked(error, later=not isinstance(error, CredentialError)))
        left = Asked(self.now, why_not="too many events for one run", later=True)
        return {**dict.fromkeys(counts.keys() - set(days), left), **answers}

    def _wants(self, name: str, day: date, manifest: Manifest) -> bool:
        """Whether to ask a destination for the events of a day in a segment."""
        if self._lacked(name, day):
            return True
        known = self.before.get(day)
        asked = known.asked.get(name) if known else None
        if manifest.written_at < self.now - ASKED_WITHIN:
            return False
        is_proven = known is not None and known.state == "proven" and asked is not None and not asked.why_not
        return not is_proven or day in self.changed

    def _is_answered(self, name: str, day: date, count: int) -> bool:
        """Whether a destination was asked for the same events before and had them all."""
        known = self.before.get(day)
        asked = known.asked.get(name) if known else None
        if asked is None or asked.why_not or asked.lacks or day in self.changed:
            return False
        return asked.events == count

    def _arrival(self, name: str) -> DayArrival | AuditError:
        if name not in self._found:
            try:
                self._found[name] = self.arrival_of(name)
                self._ids[name] = self._stack.enter_context(IdBuckets())
            except AuditError as error:
                self._found[name] = error
        return self._found[name]

    def _not_asked(self, error: AuditError, *, later: bool) -> Asked:
        return Asked(self.now, why_not=str(error).rstrip("."), later=later)


def _first(counts: Mapping[date, int]) -> list[date]:
    """Return the first days that together have no more events than one run asks for; at least one day."""
    days: list[date] = []
    total = 0
    for day, count in sorted(counts.items()):
        total += count
        if days and total > MOST_ASKED:
            break
        days.append(day)
    return days


def last_changes(ledger: Ledger, store: Store, pipeline: str) -> dict[str, datetime]:
    """Return when the configuration of each destination last changed, according to the stream of evidence.

    :raises AuditError: the spool or a record cannot be read.
    """
    changes = evidence_with(ledger, store, pipeline, CONFIGURATION_ACTION, _Change)
    return {change.subject: at for at, change in changes}


def lacking(days: Mapping[date, Day], names: Collection[str]) -> list[str]:
    """Return what destinations lack, one sentence per day and destination, the newest day first.

    Days from which retention has removed segments are left out, because their events can no longer be sent again.
    :param names: of the destinations that are asked.
    """
    return [
        f"{day}: {name}: {lacks}"
        for day, each in sorted(days.items(), reverse=True)
        for name, asked in each.asked.items()
        if each.kept and name in names and (lacks := asked.lacks)
    ]


class _Change(msgspec.Struct):
    action: str = ""
    subject: str = ""


_ID_AT = {"raw": "", "envelope": "id", "ecs": "event.id", "ocsf": "metadata.uid"}
"""The field in which each format writes the event's id; "" if the whole line is searched for."""


def asks_of(delivery: Delivery) -> str:
    """Return why a destination cannot be asked for single events; "" if it can."""
    options = delivery.options
    if isinstance(options, ElasticsearchOptions):
        return ""
    if not isinstance(options, S3Options):
        return f"a destination of type {delivery.type} cannot be asked for single events"
    if options.layout == "security_lake":
        return "the layout security_lake cannot be asked by the day"
    name = delivery.format or options.default_format
    return "" if name in _ID_AT else f"the format {name} does not say where the id of an event is"


def arrival_at(
    delivery: Delivery,
    pipeline: Pipeline,
    positions: Mapping[str, Position],
    client: Callable[[], Any],
    sleep: Callable[[float], None],
) -> DayArrival:
    """Return the :class:`DayArrival` that asks a destination for the events of some days.

    :param positions: of the streams, by their folder.
    :param client: returns a boto3 S3 client, or an :class:`~audit_provider.core.wire.http.HttpClient` of the cluster.
    :raises ConfigurationError: the destination cannot be asked, or its connection cannot be used.
    """
    if why_not := asks_of(delivery):
        raise ConfigurationError(why_not)
    options = delivery.options
    contents = contents_of(delivery, positions, pipeline.source)
    origins = [
        origin_of(pipeline.name, pipeline.source, own)
        for position in positions.values()
        for own, _ in position.by_source(1)
    ]
    if isinstance(options, S3Options):
        sources = list(dict.fromkeys(each.source for each in origins))
        return DayObjects(
            client(),
            options.bucket,
            lambda day: _partitions(options, sources, day),
            contents,
            id_at=_ID_AT[delivery.format or options.default_format],
        )
    targets = {options.target or stream_name(each.source, options.namespace): each for each in origins}
    if len(targets) != 1:
        raise ConfigurationError("it was sent events of several sources, each to a place of its own")
    ((target, origin),) = targets.items()
    found = DocumentSearch(client(), target, origin, scope=options.document_id, sleep=sleep, contents=contents)
    return DayDocuments(found, contents)


def _partitions(options: S3Options, sources: Iterable[str], day: date) -> Iterator[str]:
    """Yield the folders of a bucket that hold the events of a day."""
    prefix = f"{options.prefix.strip('/')}/" if options.prefix.strip("/") else ""
    if options.layout == "datadog_archive":
        yield f"{prefix}dt={day.isoformat().replace('-', '')}/"
    else:
        yield from (f"{prefix}source={source}/dt={day.isoformat()}/" for source in sources)


def contents_of(
    delivery: Delivery | None, positions: Mapping[str, Position], source: str | Mapping[str, Any] | None = None
) -> Contents:
    """Return a function that yields the contents under which a destination may have stored an event.

    The contents are the record as it came, and the record in the destination's format and redaction. Events that were
    shipped before the format or redaction changed stay as they were, so the record as it came is always included.

    :param delivery: the destination; None if it is not known. :param positions: of the streams, by their folder.
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
    """Writes events of one source in the form in which a destination receives them."""

    def __init__(self, delivery: Delivery, origin: Origin) -> None:
        self._form: Form = form_of(delivery, origin)
        self._select = Selector(delivery.selection, origin.fields).select

    def written(self, event: Event) -> Iterator[bytes]:
        """Yield the event as a line, and as the JSON that is embedded in a line."""
        try:
            selected = self._select(event)
            if selected is not None:
                yield self._form.write(selected)
                yield as_json(self._form, selected)
        except (*UNREADABLE, TypeError, KeyError, OverflowError):
            # Such an event becomes a dead letter and is never sent.
            return
