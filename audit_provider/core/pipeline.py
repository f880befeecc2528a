"""The pipelines file: sources and their destinations, checked as a whole before anything runs."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from audit_provider.core.delivery import Delivery, check_name, check_names, delivery_from
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import UTC
from audit_provider.core.monitoring.settings import Monitoring, monitoring_from
from audit_provider.core.records.selection import Redaction, refuse_hidden_id
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.sources.reading.reconciliation import Reconcile, check_retention, reconcile_from
from audit_provider.core.sources.watched import refuse_rare_sweep, refuse_unwatchable, sweep_of
from audit_provider.core.text.validation import MOST_DAYS, Mistakes, check_schedule, near, validated
from audit_provider.core.text.yaml_text import NotText, as_written, keys_without_quotes, values_of, with_unclear
from audit_provider.core.wire.budget import MOST_WINDOWS_AT_ONCE
from audit_provider.core.wire.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from audit_provider.core.sources import SourceSpec

_STRICT = ConfigDict(extra="forbid")
_MOST = {"retention_days": MOST_DAYS, "run_minutes": 366 * 24 * 60}
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_LONGEST_TAG = 100  # as many letters as Airflow takes


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One source and its destinations.

    :ivar source: Name of a source, or a source written here. ``like`` takes an existing source and changes some of its
        keys.
    :ivar conn_id: Connection of type ``audit_logs``. Default: ``<source>_default``. Example: ``pylon_eu``.
    :ivar settings: Values that the source needs, such as an organisation's name. They may also be in the connection's
        extra. Example: ``{organization: acme}``.
    :ivar schedule: Cron expression, preset such as ``@hourly``, or null for manual runs; hourly by default with
        ``watch``. Example: ``*/10 * * * *``.
    :ivar watch: Whether Airflow's triggerer looks at the source every few seconds, and starts a run if there is
        something new. The runs of ``schedule`` are then a safeguard, at least hourly.
    :ivar start: Time from which the first run reads, as a date or an ISO 8601 time. Default: 24 hours before the first
        run. Example: ``2026-01-01``.
    :ivar page_size: Events per page, up to the vendor's limit. Default: the source's own. Example: ``500``.
    :ivar reading: Settings of the source's reading strategy, listed below. Example: ``{overlap: 1800}``.
    :ivar rate_limit: Request budget: ``requests`` per ``per`` seconds. Default: the source's own. Example: ``{requests:
        10, per: 60}``.
    :ivar retention_days: Days for which segments are kept after every destination has them. Must be at least as long as
        reading looks back, by default 2 days. Example: ``60``.
    :ivar backfill_share: Part of the request budget that a backfill may use, more than 0 and up to 1. Polling keeps the
        rest. Example: ``0.5``.
    :ivar backfill_windows: Number of backfill windows read at once, 1 to 4. Default: as many as the backfill's part of
        the budget allows. Example: ``2``.
    :ivar run_minutes: Minutes for which one task reads or ships, including waits, before it leaves the rest to the next
        run. Example: ``60``.
    :ivar reconcile: How past days are compared with the source: ``false`` to turn it off, or the keys below. Default:
        daily, one day at a time.
    :ivar monitoring: How the pipeline is monitored and who is notified: ``false`` to turn it off, or the keys below.
    :ivar ship_checkpoints: Whether checkpoints and changes of the configuration are also events of the pipeline that
        every destination receives.
    :ivar tags: Words by which the page groups and filters pipelines, such as a team or a region. Airflow shows them
        with the pipeline's DAGs. Example: ``[emea, finance]``.
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
    watch: bool = False
    start: datetime | None = None
    retention_days: int = 30
    backfill_share: float = 0.8
    backfill_windows: int | None = None
    run_minutes: int = 30
    reconcile: Reconcile | None = field(default_factory=Reconcile)
    monitoring: Monitoring | None = field(default_factory=Monitoring)
    ship_checkpoints: bool = False
    tags: Sequence[str] = ()

    @property
    def redact(self) -> Redaction:
        """What the page, the report and notifiers redact in the event values that they show."""
        if self.monitoring and self.monitoring.redact is not None:
            return self.monitoring.redact
        each = [delivery.redact for delivery in self.destinations.values()]
        return Redaction(
            tuple(dict.fromkeys(path for redact in each for path in redact.drop)),
            tuple(dict.fromkeys(path for redact in each for path in redact.hash)),
        )

    @property
    def source_arguments(self) -> dict[str, Any]:
        """What a task or a trigger needs to read the source: plain values without secrets."""
        return {
            "source": self.source,
            "settings": dict(self.settings),
            "conn_id": self.conn_id,
            "start": self.start.isoformat() if self.start else None,
            "page_size": self.page_size,
            "reading": dict(self.reading),
            "rate_limit": dict(self.rate_limit),
        }

    @property
    def spec(self) -> SourceSpec:
        """The source, with this pipeline's own reading settings."""
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
    """The content of a pipelines file.

    :ivar wrong: the mistakes of each pipeline that is left out, by its name: one sentence per mistake, beginning with
        its path.
    """

    pipelines: Mapping[str, Pipeline]
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The mistakes of all pipelines, in the order of the file."""
        return tuple(line for lines in self.wrong.values() for line in lines)


@dataclass(frozen=True)
class _PipelineEntry:
    """The keys of a pipeline, as written."""

    __pydantic_config__ = _STRICT

    source: str | dict[str, Any]
    destinations: dict[str, dict[str, Any]]
    conn_id: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    schedule: str | None = "*/5 * * * *"
    watch: bool = False
    start: datetime | date | None = None
    page_size: int | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    rate_limit: dict[str, Any] = field(default_factory=dict)
    retention_days: int = 30
    backfill_share: float = 0.8
    backfill_windows: int | None = None
    run_minutes: int = 30
    reconcile: bool | dict[str, Any] = True
    monitoring: bool | dict[str, Any] = True
    ship_checkpoints: bool = False
    tags: list[str] = field(default_factory=list)


def read_pipelines(text: str, only: str | None = None, served: Collection[str] | None = None) -> PipelinesFile:
    """Return the pipelines of a file's ``text``; those with a mistake are left out and reported.

    :param only: name of the only pipeline to read; None for all. The others are not checked.
    :param served: destinations whose options are needed; None for all. The others have no ``options``, and these are
        not checked.
    :raises ConfigurationError: the file as a whole cannot be read.
    """
    content = values_of(text)
    if content is None:
        raise ConfigurationError("it contains no pipeline; to run none, write {} into it")
    if not isinstance(content, dict):
        raise ConfigurationError("the file must contain a mapping of pipeline names to pipelines")
    pipelines: dict[str, Pipeline] = {}
    wrong: dict[str, tuple[str, ...]] = {}
    for name, entry in content.items():
        if only not in (None, str(name)):
            continue
        if isinstance(name, NotText):
            lines = f"{name}: {name.refusal}{_kept_under(name)}"
            wrong[str(name)] = (*wrong.get(str(name), ()), lines)
            continue
        unclear = dict(keys_without_quotes(entry, name))
        mistakes = Mistakes()
        with mistakes.collected():
            pipeline = pipeline_from(name, as_written(entry) if unclear else entry, served)
            if not unclear:
                pipelines[name] = pipeline
        if found := tuple(with_unclear(mistakes.lines, unclear)):
            wrong[name] = (*wrong.get(name, ()), *found)
    return PipelinesFile(pipelines, wrong)


def _kept_under(name: NotText) -> str:
    """Return the end of a sentence about a pipeline's name: the other name that version 0.1 used for it."""
    with contextlib.suppress(ConfigurationError):
        check_name(name.converted, "")
        if name.converted != name.written:
            return f"; its data so far is kept under the name '{name.converted}'"
    return ""


def pipeline_from(name: str, entry: Any, served: Collection[str] | None = None) -> Pipeline:
    """Return the pipeline that ``entry`` describes.

    :param served: as for :func:`read_pipelines`.
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    check_name(name, name)
    mistakes = Mistakes()
    written, wrong = _written(name, entry, mistakes)
    settings: dict[str, str] = {}
    spec = None
    with mistakes.collected():
        settings = {key: setting_text(value, f"{name}.settings.{key}") for key, value in written.settings.items()}
    if "source" not in wrong:
        with mistakes.collected():
            spec = source_from(
                name,
                written.source,
                page_size=written.page_size,
                reading=written.reading,
                rate_limit=written.rate_limit,
                settings=settings,
            )
    schedule = sweep_of(name) if written.watch and "schedule" not in entry else written.schedule
    with mistakes.collected():
        check_schedule(schedule, f"{name}.schedule")
        if written.watch:
            refuse_rare_sweep(schedule, f"{name}.schedule")
    if written.watch and spec is not None:
        with mistakes.collected():
            refuse_unwatchable(spec, f"{name}.watch")
    if not written.destinations and "destinations" not in wrong:
        mistakes.add(f"{name}.destinations: at least one destination is required")
    if not 0 < written.backfill_share <= 1:
        mistakes.add(f"{name}.backfill_share: must be more than 0 and at most 1")
    if written.backfill_windows is not None and not 1 <= written.backfill_windows <= MOST_WINDOWS_AT_ONCE:
        mistakes.add(f"{name}.backfill_windows: must be 1 to {MOST_WINDOWS_AT_ONCE}")
    for key, most in _MOST.items():
        if getattr(written, key) < 1:
            mistakes.add(f"{name}.{key}: must be at least 1")
        elif getattr(written, key) > most:
            mistakes.add(f"{name}.{key}: must be at most {most}")
    if written.retention_days >= 1 and spec is not None:
        with mistakes.collected():
            check_retention(written.retention_days, f"{name}.retention_days", spec)
    destinations: dict[str, Delivery] = {}
    for each, options in written.destinations.items():
        with mistakes.collected():
            check_names(name, each, f"{name}.destinations.{each}")
            with_options = served is None or each in served
            destinations[each] = delivery_from(each, options, f"{name}.destinations.{each}", with_options=with_options)
            if spec is not None:
                refuse_hidden_id(destinations[each].redact, spec.fields, f"{name}.destinations.{each}.redact")
    with mistakes.collected():
        start = aware(written.start, f"{name}.start:")
    reconcile, default_conn_id = None, ""
    if spec is not None:
        default_conn_id = f"{spec.name}_default"
        with mistakes.collected():
            reconcile = reconcile_from(written.reconcile, f"{name}.reconcile", spec, written.retention_days)
    with mistakes.collected():
        monitoring = monitoring_from(written.monitoring, f"{name}.monitoring")
    for tag in written.tags:
        if not (1 <= len(tag) <= _LONGEST_TAG and tag.isprintable() and tag.strip() == tag):
            mistakes.add(
                f"{name}.tags: {tag!r} must be 1 to {_LONGEST_TAG} printable letters without space around them"
            )
    mistakes.raise_any()
    return Pipeline(
        name=name,
        source=written.source,
        conn_id=written.conn_id or default_conn_id,
        settings=settings,
        page_size=written.page_size,
        reading=written.reading,
        rate_limit=written.rate_limit,
        destinations=destinations,
        schedule=schedule,
        watch=written.watch,
        start=start,
        retention_days=written.retention_days,
        backfill_share=written.backfill_share,
        backfill_windows=written.backfill_windows,
        run_minutes=written.run_minutes,
        reconcile=reconcile,
        monitoring=monitoring,
        ship_checkpoints=written.ship_checkpoints,
        tags=tuple(dict.fromkeys(written.tags)),
    )


def _written(name: str, entry: Any, mistakes: Mistakes) -> tuple[_PipelineEntry, set[str]]:
    """Return a pipeline's keys as far as they can be read, and the names of those that cannot.

    The keys that can be read are then checked all the same, so that all mistakes are reported at once.

    :param mistakes: gets the mistakes of the keys that cannot be read.
    :raises ConfigurationError: there are no keys at all.
    """
    with mistakes.collected():
        return validated(_PipelineEntry, entry, name), set()
    if not isinstance(entry, dict):
        mistakes.raise_any()
    wrong = {line.removeprefix(f"{name}.").partition(":")[0].partition(".")[0] for line in mistakes.lines}
    known = {each.name for each in dataclasses.fields(_PipelineEntry)}
    rest = {key: value for key, value in entry.items() if key in known - wrong}
    missing = {"source", "destinations"} - rest.keys()
    return validated(_PipelineEntry, {"source": "", "destinations": {}, **rest}, name), wrong | missing


def setting_text(value: Any, path: str) -> str:
    """Return a setting's value as the text that is sent in requests; a list is joined by commas.

    :raises ConfigurationError: it is neither.
    """
    if isinstance(value, list) and value and all(isinstance(each, (str, int)) for each in value):
        return ",".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise ConfigurationError(f"{path}: must be a text, a number or a list of them")
    return str(value)


def aware(moment: datetime | date | None, what: str) -> datetime | None:
    """Return ``moment`` as an aware UTC time; a date is its midnight, and a time without zone is UTC.

    :param what: begins the message.
    :raises ConfigurationError: it cannot be represented in UTC, or is outside of the years that are allowed.
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    try:
        found = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        found = None
    # Reading adds and subtracts spans of time, so the calendar must have room before and after it.
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ConfigurationError(f"{what} {moment} is outside the years {_FIRST_YEAR} to {_LAST_YEAR} in UTC")
    return found


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

    :param name: of the pipeline, for messages. :param settings: only checked here; the connection may have more.
    :raises ConfigurationError: there is no such source, or a setting does not fit it.
    """
    if not isinstance(source, str):
        # Imported late: it loads every reading strategy, and most pipelines only name their source.
        from audit_provider.core.sources.inline import source_of

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
        from audit_provider.core.sources.inline import check_reading

        own: Any = spec.reading
        merged = {each.name: getattr(own, each.name) for each in dataclasses.fields(own)} | dict(reading)
        spec = dataclasses.replace(spec, reading=validated(type(own), merged, f"{name}.reading"))
        check_reading(spec.reading, f"{name}.reading")
    if rate_limit:
        limit = validated(RateLimit, dataclasses.asdict(spec.rate_limit) | dict(rate_limit), f"{name}.rate_limit")
        limit.check(f"{name}.rate_limit")
        spec = spec.with_rate_limit(limit)
    if page_size is not None:
        if spec.page_size is None:
            raise ConfigurationError(f"{name}.page_size: {spec.name} has no page size; remove the key")
        if not 1 <= page_size <= spec.page_size.most:
            raise ConfigurationError(f"{name}.page_size: must be 1 to {spec.page_size.most} for {spec.name}")
        spec = spec.with_page_size(page_size)
    return spec
