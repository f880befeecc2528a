"""The pipelines file: what is read from where, and where it goes, checked as a whole before anything runs."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict

from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.destinations.selection import Redaction, Selection, refuse_hidden_id
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import UTC
from audit_provider.core.monitoring.settings import Monitoring, monitoring_from
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.reconciliation import Reconcile, reconcile_from
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.sources.inline import check_reading, source_of
from audit_provider.core.validation import check_schedule, near, validated
from audit_provider.core.yaml_text import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin
    from audit_provider.core.sources import SourceSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
MOST_CONCURRENCY = 16
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one destination of a pipeline is served.

    :ivar type: one of the destination types below. :ivar conn_id: the type's own default where left out.
    :ivar options: what its type understands. :ivar enabled: false keeps its offset and ships nothing.
    :ivar format: how events look on arrival; by default what its type is best served with.
    :ivar ocsf_version: of the format ``ocsf``. :ivar concurrency: batches on their way at once.
    :ivar only: actions to ship, or patterns with ``*``; empty for all. :ivar omit: actions to leave out (written
        ``except``). :ivar redact: paths to ``drop`` or to ``hash`` before anything leaves the spool.
    :ivar too_old: what to do with events that the destination would drop for
        their age. :ivar dead_letters: whether a run that had to set events aside ends failed.
    """

    name: str
    type: str
    conn_id: str
    options: Any
    enabled: bool = True
    format: str = ""
    ocsf_version: Literal["1.1", "1.2", "1.3"] = "1.1"
    concurrency: int = 1
    only: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    redact: Redaction = field(default_factory=Redaction)
    too_old: Literal["arrival_time", "dead_letter"] = "arrival_time"
    dead_letters: Literal["fail", "succeed"] = "fail"

    @property
    def selection(self) -> Selection:
        """What of the events may leave."""
        return Selection(self.only, self.omit, self.redact)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One source and its destinations.

    :ivar source: name of a source, or a source written here; ``like`` takes another and changes some of its keys.
    :ivar conn_id: of type ``audit_logs``; by default ``<source>_default``.
    :ivar settings: what the source must be told, such as an organisation's name; the connection's extra may say it too.
    :ivar schedule: cron expression, preset, or None for manual runs. :ivar start: where the first run begins; None for
        24 hours before it. :ivar page_size: events per page, at most the vendor's limit.
    :ivar reading: settings of the source's reading strategy. :ivar rate_limit: ``requests`` per ``per`` seconds.
    :ivar retention_days: how long segments are kept once every destination has them.
    :ivar backfill_share: part of the request budget that a backfill may use.
    :ivar run_minutes: how long one task reads or ships before it leaves the rest to the next run.
    :ivar reconcile: how the past is compared with the source: ``false`` for not at all, or ``schedule``, ``after`` and
        ``width`` in seconds, and ``fail_on_missed``; by default daily, one day at a time.
    :ivar monitoring: how the pipeline is watched and who is told: ``false`` for not at all, or the keys below.
    """

    name: str
    source: str | Mapping[str, Any]
    conn_id: str
    destinations: Mapping[str, Delivery]
    settings: Mapping[str, str] = field(default_factory=dict)
    page_size: int | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    rate_limit: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | None = "*/5 * * * *"
    start: datetime | None = None
    retention_days: int = 30
    backfill_share: float = 0.8
    run_minutes: int = 30
    reconcile: Reconcile | None = field(default_factory=Reconcile)
    monitoring: Monitoring | None = field(default_factory=Monitoring)

    @property
    def spec(self) -> SourceSpec:
        """The source, with this pipeline's own settings of its reading."""
        return source_from(
            self.name,
            self.source,
            page_size=self.page_size,
            reading=self.reading,
            rate_limit=self.rate_limit,
            settings=self.settings,
        )


@dataclass(frozen=True, slots=True)
class PipelinesFile:
    """What a pipelines file says. :ivar mistakes: one sentence each, beginning with the path of the mistake."""

    pipelines: Mapping[str, Pipeline]
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _PipelineEntry:
    """The keys of a pipeline, as written."""

    __pydantic_config__ = _STRICT

    source: str | dict[str, Any]
    destinations: dict[str, dict[str, Any]]
    conn_id: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    schedule: str | None = "*/5 * * * *"
    start: datetime | date | None = None
    page_size: int | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    rate_limit: dict[str, Any] = field(default_factory=dict)
    retention_days: int = 30
    backfill_share: float = 0.8
    run_minutes: int = 30
    reconcile: bool | dict[str, Any] = True
    monitoring: bool | dict[str, Any] = True


@dataclass(frozen=True)
class _DeliveryEntry:
    """The keys that every destination has, as written."""

    __pydantic_config__ = _STRICT

    type: str
    conn_id: str | None = None
    enabled: bool = True
    format: str = ""
    ocsf_version: Literal["1.1", "1.2", "1.3"] = "1.1"
    concurrency: int = 1
    only: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    redact: dict[str, Any] = field(default_factory=dict)
    too_old: Literal["arrival_time", "dead_letter"] = "arrival_time"
    dead_letters: Literal["fail", "succeed"] = "fail"


_COMMON_KEYS = tuple(each.name for each in dataclasses.fields(_DeliveryEntry))


def read_pipelines(text: str) -> PipelinesFile:
    """Return the pipelines of a file's ``text``; those with a mistake are left out and named.

    :raises ConfigurationError: the file as a whole cannot be read.
    """
    content = values_of(text)
    if content is None:
        return PipelinesFile({})
    if not isinstance(content, dict):
        raise ConfigurationError("the file must hold a mapping of pipeline names to pipelines")
    pipelines: dict[str, Pipeline] = {}
    mistakes: list[str] = []
    for name, entry in content.items():
        try:
            pipelines[str(name)] = pipeline_from(str(name), entry)
        except ConfigurationError as error:
            mistakes.extend(str(error).split("\n"))
    return PipelinesFile(pipelines, tuple(mistakes))


def pipeline_from(name: str, entry: Any) -> Pipeline:
    """Return the pipeline that ``entry`` describes.

    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    _check_name(name, name)
    written = validated(_PipelineEntry, entry, name)
    settings = {key: setting_text(value, f"{name}.settings.{key}") for key, value in written.settings.items()}
    spec = source_from(
        name,
        written.source,
        page_size=written.page_size,
        reading=written.reading,
        rate_limit=written.rate_limit,
        settings=settings,
    )
    check_schedule(written.schedule, f"{name}.schedule")
    if not written.destinations:
        raise ConfigurationError(f"{name}.destinations: at least one destination is needed")
    if not 0 < written.backfill_share <= 1:
        raise ConfigurationError(f"{name}.backfill_share: must be more than 0 and at most 1")
    for key in ("retention_days", "run_minutes"):
        if getattr(written, key) < 1:
            raise ConfigurationError(f"{name}.{key}: must be at least 1")
    mistakes: list[str] = []
    destinations: dict[str, Delivery] = {}
    for each, options in written.destinations.items():
        try:
            destinations[each] = delivery_from(each, options, f"{name}.destinations.{each}")
            refuse_hidden_id(destinations[each].redact, spec.fields, f"{name}.destinations.{each}.redact")
        except ConfigurationError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return Pipeline(
        name=name,
        source=written.source,
        conn_id=written.conn_id or f"{spec.name}_default",
        settings=settings,
        page_size=written.page_size,
        reading=written.reading,
        rate_limit=written.rate_limit,
        destinations=destinations,
        schedule=written.schedule,
        start=aware(written.start),
        retention_days=written.retention_days,
        backfill_share=written.backfill_share,
        run_minutes=written.run_minutes,
        reconcile=reconcile_from(written.reconcile, f"{name}.reconcile", spec, written.retention_days),
        monitoring=monitoring_from(written.monitoring, f"{name}.monitoring"),
    )


def delivery_from(name: str, entry: Mapping[str, Any], path: str) -> Delivery:
    """Return the delivery that a destination's ``entry`` describes.

    :param path: where the entry stands in the file, for messages.
    :raises ConfigurationError: with one line per mistake.
    """
    _check_name(name, path)
    if "omit" in entry and "except" not in entry:
        raise ConfigurationError(f"{path}.omit: there is no such key, did you mean 'except'?")
    entry = {"omit" if key == "except" else key: value for key, value in entry.items()}
    common = validated(_DeliveryEntry, {key: entry[key] for key in _COMMON_KEYS if key in entry}, path)
    if common.type not in DESTINATIONS:
        raise ConfigurationError(
            f"{path}.type: there is no destination type {common.type!r}{near(common.type, DESTINATIONS)}"
        )
    if common.format and common.format not in FORMATS:
        raise ConfigurationError(f"{path}.format: there is no format {common.format!r}{near(common.format, FORMATS)}")
    if not 1 <= common.concurrency <= MOST_CONCURRENCY:
        raise ConfigurationError(f"{path}.concurrency: must be 1 to {MOST_CONCURRENCY}")
    own = {key: value for key, value in entry.items() if key not in _COMMON_KEYS}
    options = validated(DESTINATIONS[common.type], own, path, extra=_COMMON_KEYS)
    return Delivery(
        name=name,
        type=common.type,
        conn_id=common.conn_id or options.default_conn_id,
        options=options,
        enabled=common.enabled,
        format=common.format,
        ocsf_version=common.ocsf_version,
        concurrency=common.concurrency,
        only=common.only,
        omit=common.omit,
        redact=validated(Redaction, common.redact, f"{path}.redact"),
        too_old=common.too_old,
        dead_letters=common.dead_letters,
    )


def form_of(delivery: Delivery, origin: Origin) -> Form:
    """Return the form that a destination's events take: the one it asks for, or its type's own."""
    name = delivery.format or delivery.options.default_format
    return FORMATS[name](origin, delivery.ocsf_version)


def setting_text(value: Any, path: str) -> str:
    """Return a setting's value as the text that stands in requests; a list is joined by commas.

    :raises ConfigurationError: it is neither.
    """
    if isinstance(value, list) and value and all(isinstance(each, (str, int)) for each in value):
        return ",".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise ConfigurationError(f"{path}: must be a text, a number or a list of them")
    return str(value)


def aware(moment: datetime | date | None) -> datetime | None:
    """Return ``moment`` as an aware UTC time; a date is its midnight, and a time without zone is UTC."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def source_from(
    name: str,
    source: str | Mapping[str, Any],
    *,
    page_size: int | None = None,
    reading: Mapping[str, Any] | None = None,
    rate_limit: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
) -> SourceSpec:
    """Return a source with a pipeline's own page size, reading settings and budget.

    :param name: of the pipeline, for messages. :param settings: only checked here; the connection may hold more.
    :raises ConfigurationError: there is no such source, or a setting does not fit it.
    """
    if not isinstance(source, str):
        spec = source_of(source, f"{name}.source", SOURCES, name)
    elif source in SOURCES:
        spec = SOURCES[source]
    else:
        raise ConfigurationError(f"{name}.source: there is no source {source!r}{near(source, SOURCES)}")
    for key in settings or ():
        if key not in spec.settings or spec.settings[key].secret:
            wrong = "belongs in the connection's extra" if key in spec.settings else "there is no such key"
            known = near(key, spec.settings) if key not in spec.settings and spec.settings else ""
            raise ConfigurationError(f"{name}.settings.{key}: {wrong}{known}")
    if reading:
        own: Any = spec.reading
        merged = {each.name: getattr(own, each.name) for each in dataclasses.fields(own)} | dict(reading)
        spec = dataclasses.replace(spec, reading=validated(type(own), merged, f"{name}.reading"))
        check_reading(spec.reading, f"{name}.reading")
    if rate_limit:
        limit = validated(RateLimit, dataclasses.asdict(spec.rate_limit) | dict(rate_limit), f"{name}.rate_limit")
        if limit.requests < 1 or limit.per <= 0:
            raise ConfigurationError(f"{name}.rate_limit: at least one request in more than 0 seconds is needed")
        spec = spec.with_rate_limit(limit)
    if page_size is not None:
        if spec.page_size is None:
            raise ConfigurationError(f"{name}.page_size: {spec.name} takes no page size")
        if not 1 <= page_size <= spec.page_size.most:
            raise ConfigurationError(f"{name}.page_size: must be 1 to {spec.page_size.most} for {spec.name}")
        spec = spec.with_page_size(page_size)
    return spec


def _check_name(name: str, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{path}: a name may hold letters, digits, '_' and '-', must begin with a letter or digit, up to 100"
        )
