"""How the destinations of a pipeline are asked for the events of some days, which ones can be, and what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.delivery import form_of
from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import stream_name
from audit_provider.core.destinations.s3_options import S3Options
from audit_provider.core.errors import UNREADABLE, ConfigurationError
from audit_provider.core.formats import as_json
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.shipping.selection import Selector
from audit_provider.core.verification.day_arrivals import DayDocuments, DayObjects
from audit_provider.core.verification.documents import DocumentSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.position import Position
    from audit_provider.core.verification.arrival import Contents
    from audit_provider.core.verification.day_arrivals import DayArrival


_ID_AT = {"raw": "", "envelope": "id", "ecs": "event.id", "ocsf": "metadata.uid"}
"""Where each format writes the event's id; "" where the line itself is looked for."""


def asks_of(delivery: Delivery) -> str:
    """Say why a destination cannot be asked for single events; "" where it can be."""
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
    """Return what asks a destination for the events of some days.

    :param positions: of the streams, by their folder.
    :param client: returns a boto3 S3 client, or an :class:`~audit_provider.core.wire.http.HttpClient` of the cluster.
    :raises ConfigurationError: it cannot be asked, or its connection cannot be used.
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
    """Yield the folders of a bucket that have the events of a day."""
    prefix = f"{options.prefix.strip('/')}/" if options.prefix.strip("/") else ""
    if options.layout == "datadog_archive":
        yield f"{prefix}dt={day.isoformat().replace('-', '')}/"
    else:
        yield from (f"{prefix}source={source}/dt={day.isoformat()}/" for source in sources)


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
