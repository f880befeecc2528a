"""Microsoft Sentinel, and any Log Analytics table, by Azure Monitor's Logs Ingestion API.

https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from isal import igzip

from audit_provider.core.destinations.answers import Rules, is_later, judge
from audit_provider.core.destinations.base import Batch, Limits, Outcome, Verdict
from audit_provider.core.destinations.sentinel_options import COLUMNS, MOST_BYTES, chosen
from audit_provider.core.destinations.sentinel_options import SentinelOptions as SentinelOptions
from audit_provider.core.destinations.spec import About, Access, ConnectionType, DestinationSpec, Extra, Field
from audit_provider.core.errors import ConfigurationError, ProtocolError, UnavailableError
from audit_provider.core.formats import Raw
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.facts import FactReader
from audit_provider.core.records.links import log_analytics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin, Window
    from audit_provider.core.wire.http import Answer, HttpClient

API_VERSION = "2023-01-01"
REQUEST_ID = "x-ms-client-request-id"
ROLE = "Monitoring Metrics Publisher"
MAX_AGE = timedelta(hours=47)
"""The service answers 204 and replaces a ``TimeGenerated`` older than two days; the hour is for retries and clocks."""

_AHEAD = timedelta(hours=23)  # one day is the service's limit
_GZIP_LEVEL = 1
_TRUNCATED = b',"RawDataTruncated":true}'
_log = logging.getLogger(__name__)


class _Row(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    time_generated: str
    event_time: str
    event_id: str
    source: str
    pipeline: str
    action: str = ""
    actor: str = ""
    actor_id: str = ""
    source_ip: str = ""
    object_type: str = ""
    object_id: str = ""
    outcome: str = ""
    category: str = ""


class SentinelDestination:
    """A stream of a data collection rule.

    The service does not recognise repeated events: a batch whose answer is lost is stored twice, and ``EventId``
    identifies repeats.

    :param client: client of the logs ingestion endpoint, with an Entra token in its session.
    """

    def __init__(
        self, options: SentinelOptions, origin: Origin, client: HttpClient, *, form: Form | None = None
    ) -> None:
        self._form = form or Raw(origin)
        self._options = options
        self._client = client
        self._path = f"/dataCollectionRules/{options.rule_id}/streams/{options.stream}"
        self._limits = Limits(
            events=options.batch_events,
            batch_bytes=min(options.batch_bytes, MOST_BYTES),
            event_bytes=MOST_BYTES - 2,
            framing=1,  # two brackets, and one comma fewer than events
            max_age=MAX_AGE,
        )
        self._rules = Rules(
            accepted=frozenset({204}),
            credential=f"give the connection's identity the role {ROLE!r} on the data collection rule "
            f"{options.rule_id} (a new role assignment takes some minutes), and check the connection's 'cloud' and "
            "'tenant_id'.",
            address=f"check the connection's host, the rule {options.rule_id!r} and its stream {options.stream!r}.",
            faults=frozenset(),
        )
        self._facts = FactReader(origin)
        self._source = (origin.source, origin.pipeline)
        self._columns = frozenset(chosen(options.columns))
        self._some_only = self._columns != frozenset(COLUMNS)
        self._encode = msgspec.json.Encoder().encode

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the row: known values of the event in their own columns, and the whole event in ``RawData``.

        ``TimeGenerated`` is the current time if the row is restamped, as the service would set it, or if the event's
        time is more than 23 hours in the future. The event's own time is always in ``EventTime``.

        :raises ValueError: a value is longer than a column can hold.
        """
        facts = self._facts.read(event)
        now = self._client.now()
        happened = exact_text_of(event.time)
        row = _Row(
            exact_text_of(now) if restamp or event.time > now + _AHEAD else happened,
            happened,
            event.id,
            *self._source,
            facts.action,
            facts.actor_email or facts.actor_id,
            facts.actor_id,
            facts.ip or facts.address,
            facts.object_type,
            facts.object_id,
            facts.outcome,
            facts.meaning.kind,
        )
        encoded = self._encode(row)
        if self._some_only or len(encoded) > self._options.column_bytes:
            columns: dict[str, str] = msgspec.to_builtins(row)
            columns = {name: value for name, value in columns.items() if name in self._columns}
            encoded = self._encode(columns)
            self._refuse_long(columns)
        return encoded[:-1] + self._raw_data(event) if "RawData" in self._columns else encoded

    def send(self, batch: Batch) -> Outcome:
        """Post a JSON array. Only 204 means accepted; the answer does not show what the rule's transformation refuses.

        Errors of transformations are in the workspace's table ``DCRLogErrors``, with the id that is logged.
        """
        body = b"[" + b",".join([item.encoded for item in batch.items]) + b"]"
        small = _compressed(body)
        compressed = len(small) < len(body)
        answer, request_id = self._post(small if compressed else body, compressed=compressed)
        tokens = self._client.token_tries()
        while not is_later(answer) and tokens.again(answer):
            answer, request_id = self._post(small if compressed else body, compressed=compressed)
        _log.info(
            "%s %s: %d events, %d bytes, the first %s: %d",
            REQUEST_ID,
            request_id,
            len(batch),
            len(body),
            batch.items[0].event.id,
            answer.status,
        )
        outcome = self._judge(answer, len(batch), compressed=compressed)
        if answer.status == 204:
            cut = sum(item.encoded.endswith(_TRUNCATED) for item in batch.items)
            if cut:
                _log.warning(
                    "%d events were too large for a column: their RawData was cut, and RawDataTruncated is set.", cut
                )
            return replace(outcome, said=f"{REQUEST_ID} {request_id}")
        return outcome

    def check(self) -> str:
        """Post an empty array, which proves token, role, rule and stream, and stores nothing."""
        request_id = str(uuid.uuid4())
        answer = self._client.fetch(
            "POST", self._path, params={"api-version": API_VERSION}, headers=_headers(request_id), body=b"[]"
        )
        outcome = judge(_named(answer, request_id), 1, self._rules, self._client)
        if outcome.verdicts != (Verdict.DELIVERED,):
            raise UnavailableError(f"{outcome.said}: Azure Monitor is not available.")
        return f"Azure Monitor accepts events for the stream {self._options.stream} of {self._options.rule_id}."

    def _raw_data(self, event: Event) -> bytes:
        """Return the end of a row: the event in its format, cut and marked if it is longer than the column holds."""
        written = self._form.write(event)
        most = self._options.column_bytes
        if len(written) > most:
            if self._options.too_large == "dead_letter":
                raise ValueError(f"its RawData has {len(written):,} bytes, but a column holds {most:,}")
            cut = written[:most].decode(errors="ignore")  # the last character may be cut in two
            return b',"RawData":%b%b' % (self._encode(cut), _TRUNCATED)
        if not self._form.is_json or self._options.raw_data == "string":
            written = self._encode(written.decode())
        return b',"RawData":%b}' % written

    def _refuse_long(self, row: Mapping[str, str]) -> None:
        for name, value in row.items():
            if (size := len(value.encode())) > self._options.column_bytes:
                raise ValueError(f"its {name} has {size:,} bytes, but a column holds {self._options.column_bytes:,}")

    def _judge(self, answer: Answer, count: int, *, compressed: bool) -> Outcome:
        if answer.status == 413:
            return self._split(answer, count)
        if answer.status in (400, 404) and not answer.is_web_page and not is_later(answer):
            # 400 is a bad body or a bad request, 404 a wrong address or, from some deployments, too large a body.
            # The answer to an empty array, compressed as they were, shows whether the events are the cause.
            empty, _ = self._post(_compressed(b"[]") if compressed else b"[]", compressed=compressed)
            if empty.status == 204:
                return self._split(answer, count)
            if empty.status == 400:
                raise ConfigurationError(
                    f"{empty.where} answered 400{self._client.words(empty)}, even to an empty array: check the rule "
                    f"{self._options.rule_id!r}, its stream {self._options.stream!r}, and whether a proxy in between "
                    f"passes gzip; everything is kept."
                )
            if is_later(empty):
                answer = empty
        return judge(answer, count, self._rules, self._client)

    def _split(self, answer: Answer, count: int) -> Outcome:
        said = f"{answer.where} answered {answer.status}{self._client.words(answer)}"
        return Outcome.all(Verdict.SPLIT, count, said=said)

    def _post(self, body: bytes, *, compressed: bool) -> tuple[Answer, str]:
        """Send a body with its own request id; return the answer, which names the id, and the id."""
        request_id = str(uuid.uuid4())
        headers = _headers(request_id)
        if compressed:
            headers = {**headers, "Content-Encoding": "gzip"}
        try:
            answer = self._client.send(
                "POST", self._path, params={"api-version": API_VERSION}, headers=headers, body=body
            )
        except (UnavailableError, ProtocolError) as error:
            raise type(error)(f"{str(error).rstrip('.')} ({REQUEST_ID} {request_id}).") from None
        return _named(answer, request_id), request_id


def _named(answer: Answer, request_id: str) -> Answer:
    """Return the answer with its request's id in ``where``, so that messages show the id."""
    return replace(answer, where=f"{answer.where} ({REQUEST_ID} {request_id})")


def _compressed(body: bytes) -> bytes:
    return igzip.compress(body, _GZIP_LEVEL, mtime=0)


def _headers(request_id: str) -> dict[str, str]:
    return {"Content-Type": "application/json", REQUEST_ID: request_id}


def _connect(
    options: SentinelOptions, origin: Origin, connection: Access, form: Form | None = None
) -> SentinelDestination:
    return SentinelDestination(options, origin, connection.client(), form=form)


def _link(options: SentinelOptions, origin: Origin, times: Window, connection: Access) -> str:
    connection.address()
    pipeline = origin.pipeline if "Pipeline" in chosen(options.columns) else ""
    cloud, workspace = connection.extra("cloud", "public"), connection.extra("workspace", "")
    return log_analytics(cloud, workspace, options.stream, times, pipeline=pipeline)


SENTINEL = DestinationSpec(
    name="sentinel",
    options=SentinelOptions,
    connect=_connect,
    arguments=("rule_id", "stream"),
    place=lambda options: f"{options.rule_id}/{options.stream}",
    connection=ConnectionType(
        name="azure_logs_ingestion",
        title="Azure Monitor Logs Ingestion (Microsoft Sentinel)",
        service="Azure Monitor",
        fields={
            "host": Field(
                "Logs ingestion endpoint",
                "the logs ingestion endpoint",
                "https://my-rule-ab12.westeurope-1.ingest.monitor.azure.com",
            ),
            "login": Field("Client id", "client id"),
            "password": Field("Client secret", "client secret"),
        },
        extras={
            "tenant_id": Extra("Tenant id", "Directory (tenant) ID in Microsoft Entra; needed with a client secret"),
            "auth": Extra(
                "Authentication",
                "client_secret (default), managed_identity, workload_identity or default",
                values=("client_secret", "managed_identity", "workload_identity", "default"),
            ),
            "cloud": Extra("Cloud", "public (default), usgov or china", values=("public", "usgov", "china")),
            "scope": Extra("Scope", "Scope of the token, if not the cloud's default"),
            "token_url": Extra("Token URL", "Where tokens are fetched, if not at the cloud's default address"),
            "rule_id": Extra("Rule id", "Immutable id of a data collection rule, dcr-…, for Test"),
            "stream": Extra("Stream", "A stream of that rule, Custom-…, for Test"),
            "workspace": Extra("Workspace", "For links in tasks: the workspace's resource id, /subscriptions/…"),
        },
    ),
    hook="audit_provider.hooks.azure_logs_ingestion.AzureLogsIngestionHook",
    link_label="Log Analytics",
    link=_link,
    about=About(
        title="Microsoft Sentinel",
        docs="https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview",
        create="A table, a data collection rule with a stream for it, and an application with the role *Monitoring "
        "Metrics Publisher* on that rule.",
        connection="`azure_logs_ingestion`: host (the logs ingestion endpoint), login (client id), password (client "
        "secret), extra `tenant_id`. Managed and workload identities by the extra `sentinel`.",
        guarantee="The service has accepted each event (204). It appears in the table some minutes later.",
        duplicates="A batch whose answer is lost is sent again. The column `EventId` identifies repeats.",
        old_events="The service replaces the time of rows older than two days. Events older than 47 hours are sent "
        "with the current time as `TimeGenerated`; their own time is always in `EventTime`.",
        unseen="A transformation in the rule that drops rows, columns that the stream does not declare, and the daily "
        "cap of a workspace.",
        example={"rule_id": "dcr-0123456789abcdef0123456789abcdef", "stream": "Custom-AuditLogs_CL"},
    ),
)
