"""Datadog's log intake. https://docs.datadoghq.com/api/latest/logs/send-logs/"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec
from isal import igzip

from audit_provider.core.destinations.answers import MAYBE_STORED, is_later, put_off, refuse_later
from audit_provider.core.destinations.base import Batch, Limits, Outcome, Verdict
from audit_provider.core.destinations.spec import About, Access, ConnectionType, DestinationSpec, Extra, Field
from audit_provider.core.errors import ConfigurationError, CredentialError, MaybeStoredError, ProtocolError
from audit_provider.core.formats import Raw, as_json
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.records.links import datadog_explorer
from audit_provider.core.wire.auth import Header
from audit_provider.core.wire.http import backoff

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin, Window
    from audit_provider.core.wire.http import Answer, HttpClient

SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
"""Datadog's sites; the first is the default. A key works on its own site only."""

LOGS_PATH = "/api/v2/logs"
VALIDATE_PATH = "/api/v1/validate"
MAX_AGE = timedelta(hours=17)
"""The intake answers 202 and drops logs older than 18 hours; the hour is for retries and clocks."""

AHEAD = timedelta(hours=2)
"""How far in the future a log's time may be; a log with a later time is sent without the date attribute."""

_GZIP_LEVEL = 1
_EVENT_BYTES = 1_000_000
_KEY_TRIES = 3


@dataclass(frozen=True, slots=True)
class DatadogOptions:
    """Options of a ``datadog`` destination in the pipelines file.

    :ivar service: ``service`` of the logs. Default: the pipeline's name. Example: ``pylon``.
    :ivar source: ``ddsource`` of the logs. With the name of a native integration, the integration's pipeline parses
        them. Default: the source's name. Example: ``okta``.
    :ivar hostname: ``hostname`` of the logs. Default: none is sent. Example: ``airflow``.
    :ivar tags: List of ``key:value`` texts. Example: ``[team:security]``.
    :ivar batch_events: Maximum number of events in one request, at most 1,000.
    :ivar batch_bytes: Maximum size of one request in bytes, before compression, at most 5 MB.
    """

    default_conn_id: ClassVar[str] = "datadog_logs_default"
    default_format: ClassVar[str] = "raw"

    service: str | None = None
    source: str | None = None
    hostname: str | None = None
    tags: tuple[str, ...] = ()
    batch_events: int = 1000
    batch_bytes: int = 4_250_000


def intake_url(site: str) -> str:
    """Return the address of a site's log intake."""
    return f"https://http-intake.logs.{site}"


def api_url(site: str) -> str:
    """Return the address of a site's API."""
    return f"https://api.{site}"


class DatadogDestination:
    """A log intake.

    :param client: of the intake, with the API key in its session. :param api: of the site's API, to validate the key.
    """

    def __init__(
        self,
        options: DatadogOptions,
        origin: Origin,
        client: HttpClient,
        api: HttpClient,
        *,
        form: Form | None = None,
    ) -> None:
        self._form = form or Raw(origin)
        self._client = client
        self._api = api
        self._limits = Limits(
            events=min(options.batch_events, 1000),
            batch_bytes=min(options.batch_bytes, 5_000_000),
            event_bytes=_EVENT_BYTES,
            framing=2,
            max_age=MAX_AGE,
        )
        self._fields = FieldReader(origin.fields, ("action", "actor_id", "actor_email", "ip"))
        self._encode = msgspec.json.Encoder().encode
        fixed = {"ddsource": options.source or origin.source, "service": options.service or origin.pipeline}
        if options.hostname:
            fixed["hostname"] = options.hostname
        tags = [f"pipeline:{origin.pipeline}", f"audit_source:{origin.source}", *options.tags]
        self._start = msgspec.json.encode({**fixed, "ddtags": ",".join(tags)})[:-1]
        self._start_restamped = msgspec.json.encode({**fixed, "ddtags": ",".join([*tags, "backfill:true"])})[:-1]

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the log: Datadog's standard attributes, and the vendor's bytes under ``event``.

        A restamped log, or one with a time more than two hours in the future, has no date attribute, so the intake
        gives it the time of arrival. The event's own time is always in ``evt.time``.
        """
        dated = not restamp and event.time <= self._client.now() + AHEAD
        attributes = attributes_of(event, self._fields.read(event.raw), dated=dated)
        return b'%b,%b,"event":%b}' % (
            self._start_restamped if restamp else self._start,
            self._encode(attributes)[1:-1],
            as_json(self._form, event),
        )

    def send(self, batch: Batch) -> Outcome:
        """Post a JSON array. Only 202 means accepted. A temporary 403 is known to happen, so it is sent again."""
        body = igzip.compress(b"[" + b",".join([item.encoded for item in batch.items]) + b"]", _GZIP_LEVEL, mtime=0)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        for failures in range(1, _KEY_TRIES + 1):
            answer = self._client.send("POST", LOGS_PATH, headers=headers, body=body)
            if answer.status not in (401, 403) or is_later(answer) or failures == _KEY_TRIES:
                break
            self._client.sleep(backoff(failures))
        return self._judge(answer, len(batch))

    def check(self) -> str:
        """Validate the key at the API, then reach the intake with an empty array."""
        answer = self._api.fetch("GET", VALIDATE_PATH, headers={"Accept": "application/json"})
        self._refuse_sender(answer)
        found = answer.json()
        if answer.status != 200 or not isinstance(found, dict) or found.get("valid") is not True:
            raise CredentialError(
                f"{answer.where} says that the API key is not valid: put a key of this site into the connection."
            )
        reached = self._client.send("POST", LOGS_PATH, headers={"Content-Type": "application/json"}, body=b"[]")
        refuse_later(reached, self._client)
        self._refuse_sender(reached)
        if reached.status not in (202, 400):  # the intake may refuse an empty array; both answers are its own
            raise ProtocolError(
                f"{reached.where} answered {reached.status}{self._client.words(reached)}, which is not how the log "
                "intake answers: check the connection's host."
            )
        return "Datadog accepts the API key, and the log intake answers."

    def _judge(self, answer: Answer, count: int) -> Outcome:
        status = answer.status
        said = f"{answer.where} answered {status}{self._client.words(answer)}"
        if status == 202:
            return Outcome.all(Verdict.DELIVERED, count)
        if is_later(answer):
            return put_off(answer, count, self._client)
        # With 400, a web page is from a proxy and says nothing about the events; with 413, it limits the body too.
        if status == 413 or (status == 400 and not answer.is_web_page):
            return Outcome.all(Verdict.SPLIT, count, said=said)
        self._refuse_sender(answer)
        if 200 <= status < 300 and not answer.is_web_page:
            raise MaybeStoredError(f"{said}, where the log intake answers 202: {MAYBE_STORED}")
        raise ProtocolError(
            f"{said}, which is not how the log intake answers: check the connection's host; everything is kept."
        )

    def _refuse_sender(self, answer: Answer) -> None:
        if answer.status in (401, 403):
            raise CredentialError(
                f"{answer.where} answered {answer.status}: the API key is not accepted here; a key works on its own "
                f"site only, so check password and 'site' of the connection."
            )
        if 300 <= answer.status < 400 or answer.status in (404, 405):
            raise ConfigurationError(
                f"{answer.where} answered {answer.status}: check host and 'site' of the connection."
            )


class Happening(msgspec.Struct, gc=False, omit_defaults=True):
    """The event, under Datadog's ``evt``."""

    id: str
    time: str
    name: str = ""


class Person(msgspec.Struct, gc=False, omit_defaults=True):
    """The actor, under ``usr``."""

    id: str = ""
    email: str = ""


class Attributes(msgspec.Struct, gc=False, omit_defaults=True):
    """An event's message and Datadog's standard attributes, the same in the log intake and in an archive."""

    message: str = ""
    evt: Happening | None = None
    usr: Person | None = None
    network: dict[str, dict[str, str]] | None = None
    timestamp: str = ""


def attributes_of(event: Event, said: dict[str, str], *, dated: bool = False) -> Attributes:
    """Return the attributes that are sent to Datadog in addition to the record.

    :param said: ``action``, ``actor_id``, ``actor_email`` and ``ip`` from the record.
    :param dated: whether to include ``timestamp``.
    """
    happened = exact_text_of(event.time, 3)
    action, actor, email = said.get("action", ""), said.get("actor_id", ""), said.get("actor_email", "")
    who = email or actor
    named = action or "audit event"
    return Attributes(
        f"{named} by {who}" if who else named,
        Happening(event.id, happened, action),
        Person(actor, email) if who else None,
        {"client": {"ip": said["ip"]}} if "ip" in said else None,
        happened if dated else "",
    )


def _site(connection: Access) -> str:
    """Return the site of a connection.

    :raises ConfigurationError: there is no such site.
    """
    site: str = connection.extra("site", SITES[0])
    if site not in SITES and not connection.host:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} has the unknown site {site!r}; Datadog's sites are "
            f"{', '.join(SITES)}."
        )
    return site


def _connect(
    options: DatadogOptions, origin: Origin, connection: Access, form: Form | None = None
) -> DatadogDestination:
    # A host in the connection is assumed to serve the API too.
    api = connection.client("" if connection.host else api_url(_site(connection)))
    return DatadogDestination(options, origin, connection.client(), api, form=form)


def _link(options: DatadogOptions, origin: Origin, times: Window, connection: Access) -> str:
    if connection.host and not connection.extra("site"):
        return ""  # the site is not known
    service, source = options.service or origin.pipeline, options.source or origin.source
    return datadog_explorer(_site(connection), service, source, times)


DATADOG = DestinationSpec(
    name="datadog",
    options=DatadogOptions,
    connect=_connect,
    arguments=("service", "tags"),
    connection=ConnectionType(
        name="datadog_logs",
        title="Datadog Logs",
        service="Datadog",
        fields={
            "host": Field(
                "Intake URL", "only to override the intake (private link, proxy)", "empty: the site's own intake"
            ),
            "password": Field("API key", "API key"),
        },
        extras={"site": Extra("Site", f"Default: {SITES[0]}; a key works only on its own site", values=SITES)},
        auth=Header({"DD-API-KEY": "{password}"}),
        base_url=lambda connection: intake_url(_site(connection)),
    ),
    hook="audit_provider.hooks.datadog_logs.DatadogLogsHook",
    link_label="Datadog explorer",
    link=_link,
    about=About(
        title="Datadog logs",
        docs="https://docs.datadoghq.com/api/latest/logs/send-logs/",
        create="An API key of the site. Exclusion filters and quotas of the index apply.",
        connection="`datadog_logs`: password (the API key), extra `site`, such as `datadoghq.eu`.",
        guarantee="The intake has accepted each event (202). It indexes events later, according to the organisation's "
        "filters.",
        duplicates="A batch whose answer is lost is sent again. The attribute `evt.id` identifies repeats.",
        old_events="The intake silently drops events older than 18 hours. Events older than 17 hours are sent with "
        "the current time, with their own time in `evt.time`, or are set aside (`too_old: dead_letter`). To load a "
        "long past, use the S3 layout `datadog_archive` and rehydrate.",
        unseen="Filters, quotas and pipelines of the organisation that drop logs after the intake accepted them.",
        example={"service": "pylon", "tags": ["team:security"]},
    ),
)
