"""Receivers that the generic HTTP destination knows by name: their request bodies, and the meaning of their answers.

Every public :class:`Preset` in this file is a preset.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from audit_provider.core.destinations.answers import MAYBE_STORED
from audit_provider.core.destinations.base import Outcome, Verdict
from audit_provider.core.destinations.http_shapes import Frame, Parcel, Preset, Sender, plain_line
from audit_provider.core.discovery import find
from audit_provider.core.errors import ConfigurationError, MaybeStoredError, ProtocolError
from audit_provider.core.model import exact_text_of, microseconds_of
from audit_provider.core.wire.http import Answer, HttpClient

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_LABELS = 15
_LOKI_LINE_BYTES = 256_000
_NEW_RELIC_MESSAGE_BYTES = 128_000

_json = msgspec.json.encode


def _timed_line(parcel: Parcel, sender: Sender) -> bytes:
    """Return an object that begins with the time, because the receiver uses the first time in the text."""
    known = {"time": exact_text_of(parcel.time), "event_id": parcel.event.id, **_true_time(parcel)}
    return _json(known)[:-1] + b',"event":' + parcel.value() + b"}"


SUMO_LOGIC = Preset(
    name="sumo_logic",
    title="Sumo Logic HTTP source",
    page="https://www.sumologic.com/help/docs/send-data/hosted-collectors/http-source/",
    encode=_timed_line,
    frame=lambda sender: Frame(),
    content_type="text/plain; charset=utf-8",
    gzip=True,
    accepted=frozenset({200}),
    url_is_credential=True,
    unseen="Sumo Logic also answers 200 when the ingest budget is used up and it drops the data: monitor the budget.",
)


def _new_relic(parcel: Parcel, sender: Sender) -> bytes:
    attributes = {"event_id": parcel.event.id, **_from(sender), **_true_time(parcel)}
    return b'{"timestamp":%d,"message":%b,"attributes":%b}' % (
        microseconds_of(parcel.time) // 1000,
        parcel.text(_NEW_RELIC_MESSAGE_BYTES),
        _json(attributes),
    )


NEW_RELIC = Preset(
    name="new_relic",
    title="New Relic Logs",
    page="https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/",
    encode=_new_relic,
    frame=lambda sender: Frame(b"[", b",", b"]"),
    path="/log/v1",
    gzip=True,
    accepted=frozenset({202}),
    max_age=timedelta(hours=47),  # 48, minus an hour for retries and clock differences
    unseen="New Relic answers 202 before it processes the logs.",
    hosts="`https://log-api.newrelic.com`, EU `https://log-api.eu.newrelic.com`, FedRAMP "
    "`https://gov-log-api.newrelic.com`",
)


def _logscale(parcel: Parcel, sender: Sender) -> bytes:
    known: dict[str, Any] = {"source": sender.origin.pipeline, "sourcetype": "_json", **sender.settings}
    fields = {"event_id": parcel.event.id, **_from(sender), **_true_time(parcel)}
    return b'%b,"time":%.6f,"event":%b,"fields":%b}' % (
        _json(known)[:-1],
        parcel.time.timestamp(),
        parcel.value(),
        _json(fields),
    )


def _logscale_judge(answer: Answer, count: int, client: HttpClient) -> Outcome | None:
    reply = _reply(answer, client, "LogScale") if answer.status == 200 else {}
    if reply.get("code", 0) != 0:
        raise ProtocolError(
            f"{answer.where} answered 200{client.words(answer)}, which is not a success: check the ingest token and "
            "the repository; everything is kept."
        )
    return None


LOGSCALE = Preset(
    name="logscale",
    title="CrowdStrike LogScale",
    page="https://library.humio.com/logscale-api/log-shippers-hec.html",
    encode=_logscale,
    frame=lambda sender: Frame(),
    judge=_logscale_judge,
    path="/api/v1/ingest/hec",
    gzip=True,
    accepted=frozenset({200}),
    event_bytes=1_000_000,  # a larger event would be cut, not refused
    takes=("index", "source", "sourcetype", "host"),
    unseen="LogScale keeps the first 8,000 fields of an event.",
)

PANTHER = Preset(
    name="panther",
    title="Panther HTTP source",
    page="https://docs.panther.com/data-onboarding/data-transports/http",
    encode=plain_line,
    frame=lambda sender: Frame(),
    content_type="application/x-ndjson",
    gzip=True,
    batch_bytes=480_000,  # the vendor's page has stated 500 KB and 1 MB, headers included
    event_bytes=480_000,
    restamps=False,
    unseen="Panther classifies events after its answer: events that fit no schema are among its system errors.",
)


def _loki(parcel: Parcel, sender: Sender) -> bytes:
    time = _nanoseconds(parcel.time)  # an old event is sent with the current time
    known = time or _nanoseconds(parcel.now)
    return b'["%d",%b,%b]' % (
        known,
        parcel.text(_LOKI_LINE_BYTES),
        _json({"event_id": parcel.event.id, **_true_time(parcel, known=bool(time))}),
    )


def _loki_frame(sender: Sender) -> Frame:
    labels = {"source": sender.origin.source, "pipeline": sender.origin.pipeline, **sender.settings}
    wrong = next((name for name in labels if not _LABEL.fullmatch(name)), None)
    if wrong is not None:
        raise ConfigurationError(
            f"'settings' of the preset loki are labels, and {wrong!r} is not a valid label: rename it."
        )
    if len(labels) > _MOST_LABELS:
        raise ConfigurationError(
            f"Loki accepts {_MOST_LABELS} labels, but 'settings' result in {len(labels)}: remove some."
        )
    return Frame(b'{"streams":[{"stream":%b,"values":[' % _json(labels), b",", b"]}]}")


def _loki_judge(answer: Answer, count: int, client: HttpClient) -> Outcome | None:
    if answer.status == 260:
        raise ConfigurationError(
            f"{answer.where} answered 260{client.words(answer)}: the tenant is blocked and stores nothing, "
            f"unblock it; everything is kept."
        )
    return None  # a 400 may refuse only a part of the batch; Loki recognises stored entries that are sent again


LOKI = Preset(
    name="loki",
    title="Grafana Loki",
    page="https://grafana.com/docs/loki/latest/reference/loki-http-api/",
    encode=_loki,
    frame=_loki_frame,
    judge=_loki_judge,
    path="/loki/api/v1/push",
    gzip=True,
    accepted=frozenset({204}),
    # An ingester permanently refuses entries an hour older than the newest entry of the stream, which may be from now.
    max_age=timedelta(minutes=45),
    takes=None,
    unseen="Of several entries of one stream with the same time and the same line, Loki keeps one. With `format: raw` "
    "that is one of equal records without an id; the other formats write the id into the line.",
)


def _otlp(parcel: Parcel, sender: Sender) -> bytes:
    time = _nanoseconds(parcel.time)
    attributes = {"event.id": parcel.event.id, **_true_time(parcel, known=bool(time))}
    return b'{"timeUnixNano":"%d","observedTimeUnixNano":"%d","body":{"stringValue":%b},"attributes":%b}' % (
        time,
        _nanoseconds(parcel.now),
        parcel.text(),
        _otlp_attributes(attributes),
    )


def _otlp_frame(sender: Sender) -> Frame:
    resource = {"service.name": sender.origin.pipeline, **_from(sender), **sender.settings}
    return Frame(
        b'{"resourceLogs":[{"resource":{"attributes":%b},"scopeLogs":[{"logRecords":[' % _otlp_attributes(resource),
        b",",
        b"]}]}]}",
    )


def _otlp_attributes(values: Mapping[str, str]) -> bytes:
    return _json([{"key": key, "value": {"stringValue": value}} for key, value in values.items()])


def _otlp_judge(answer: Answer, count: int, client: HttpClient) -> Outcome | None:
    """Refuse a batch that is partly rejected: it must not be sent again, and the answer does not name the records.

    A success is an ``ExportLogsServiceResponse``, whose only member is ``partialSuccess``; some receivers answer
    without a body.

    https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
    """
    if not 200 <= answer.status < 300:
        return None
    reply = _reply(answer, client, "OTLP")
    if reply.keys() - {"partialSuccess", "partial_success"}:
        raise _not_how(answer, client, "OTLP")
    partial = reply.get("partialSuccess") or reply.get("partial_success")
    if not partial:
        return None
    keys = ("rejectedLogRecords", "rejected_log_records")
    count_said = str(next((partial[key] for key in keys if key in partial), 0)) if isinstance(partial, dict) else ""
    if not count_said.isdigit():
        raise _not_how(answer, client, "OTLP")
    rejected = int(count_said)
    if not rejected:
        return None
    rest = (
        f"; it does not say which, so all {count} are set aside although {count - rejected} are stored: set "
        "'batch_events: 1' to find the rejected ones"
        if rejected < count
        else ""
    )
    said = f"{answer.where} rejected {rejected} of {count} log records{client.words(answer)}{rest}"
    return Outcome.all(Verdict.REFUSED, count, said=said, stored_in_part=rejected < count)


OTLP = Preset(
    name="otlp",
    title="OTLP/HTTP logs",
    page="https://opentelemetry.io/docs/specs/otlp/#otlphttp",
    encode=_otlp,
    frame=_otlp_frame,
    judge=_otlp_judge,
    nothing=b'{"resourceLogs":[]}',
    path="/v1/logs",
    gzip=True,
    accepted=frozenset({200, 201, 202, 204}),  # Fluent Bit answers 201 by default
    faults=frozenset({400, 413}),
    takes=None,
    unseen="An OTLP receiver answers for itself, not for the systems behind it. If it rejects a part of a batch, it "
    "does not say which: the whole batch is set aside, although the rest is stored, and a redrive stores that part "
    "again.",
)


def _google_secops_judge(answer: Answer, count: int, client: HttpClient) -> Outcome | None:
    """Accept only an empty success, ``{}`` in JSON or no body, as the vendor's page states."""
    if answer.status == 200 and _reply(answer, client, "Google SecOps"):
        raise _not_how(answer, client, "Google SecOps")
    return None


GOOGLE_SECOPS = Preset(
    name="google_secops",
    title="Google SecOps",
    page="https://cloud.google.com/chronicle/docs/reference/rest",
    encode=lambda parcel, sender: b'{"data":"%b"}' % b64encode(parcel.line()),
    frame=lambda sender: Frame(b'{"inlineSource":{"logs":[', b",", b"]}}"),
    judge=_google_secops_judge,
    path="/v1beta/{parent}/logs:import",
    accepted=frozenset({200}),
    batch_bytes=3_950_000,
    event_bytes=3_900_000,
    needs=("parent",),
    raw_only=True,
    restamps=False,
    unseen="Google SecOps parses logs after its answer: it also answers 200 for a log that no parser understands.",
)

ENTRY_POINTS = "audit_provider.presets"
"""Group of the entry points by which other packages add presets."""

PRESETS: dict[str, Preset] = find(Preset, [sys.modules[__name__]], ENTRY_POINTS)
"""The presets, by the name used in the pipelines file: the public values above, and those of other packages."""


def _from(sender: Sender) -> dict[str, str]:
    return {"audit_source": sender.origin.source, "pipeline": sender.origin.pipeline}


def _true_time(parcel: Parcel, *, known: bool = True) -> dict[str, str]:
    """Return the event's own time if the event is sent with another time.

    :param known: whether the receiver can represent that time.
    """
    return {} if known and not parcel.restamped else {"event_time": exact_text_of(parcel.event.time)}


def _nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since 1970, or 0, OTLP's "unknown", if receivers cannot represent them.

    The protocol's number is an unsigned 64-bit integer; receivers in Go keep it as a signed one, which ends in the year
    2262.
    """
    nanoseconds = microseconds_of(moment) * 1000
    return nanoseconds if 0 <= nanoseconds < 1 << 63 else 0


def _reply(answer: Answer, client: HttpClient, name: str) -> dict[str, Any]:
    """Return the JSON object in a success answer; an empty one if there is no body.

    :raises MaybeStoredError: the body is something else. :raises ProtocolError: it is a web page of a proxy.
    """
    if answer.is_web_page:
        raise ProtocolError(f"{answer.not_json()} Everything is kept.")
    try:
        reply = answer.json() if answer.body.strip() else {}
    except ProtocolError as error:
        raise MaybeStoredError(f"{str(error).rstrip('.')}; {MAYBE_STORED}") from None
    if not isinstance(reply, dict):
        raise _not_how(answer, client, name)
    return reply


def _not_how(answer: Answer, client: HttpClient, name: str) -> MaybeStoredError:
    said = f"{answer.where} answered {answer.status}{client.words(answer)}, which is not how {name} answers"
    return MaybeStoredError(f"{said}: {MAYBE_STORED}")
