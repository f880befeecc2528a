"""Any receiver of JSON over HTTP: webhooks, collectors, and the intakes of ``http_presets``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
from isal import igzip

from audit_provider.core.destinations.answers import MAYBE_STORED, Rules, judge, put_off, refuse_later
from audit_provider.core.destinations.base import Batch, Limits, Outcome, Verdict
from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.http_shapes import Parcel, Preset, Sender, Shape, plain
from audit_provider.core.destinations.marked_event import send_marked_event
from audit_provider.core.destinations.spec import (
    VICTORIALOGS_RETENTION,
    About,
    Access,
    ConnectionType,
    DestinationSpec,
    Extra,
    Field,
)
from audit_provider.core.errors import ConfigurationError, MaybeStoredError, ProtocolError
from audit_provider.core.formats import Envelope, Raw
from audit_provider.core.text.templates import filled, names_in
from audit_provider.core.text.validation import MOST_DAYS, near
from audit_provider.core.wire.later import is_slow_down

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.wire.http import Answer, HttpClient

_GZIP_LEVEL = 1
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SETTING = re.compile(r"[A-Za-z0-9._~/-]+")
_CREDENTIAL_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
_OWN_HEADERS = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding", "host"})


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Options of an ``http`` destination in the pipelines file. The defaults below apply without a preset.

    :ivar preset: A receiver known by name, see the destination's page. Example: ``loki``.
    :ivar settings: Values that the preset needs. Example: ``{tenant: acme}``.
    :ivar path: Path to append to the connection's URL; it begins with ``/``. Example: ``/ingest``.
    :ivar method: HTTP method of the requests: ``POST`` or ``PUT``.
    :ivar shape: Form of a request body, only without a preset: ``array``, ``ndjson``, ``single`` (one event per
        request) or ``wrapped`` (an array under the key ``wrapper``). Default: ``array``.
    :ivar wrapper: Key of the array with ``shape: wrapped``. Example: ``records``.
    :ivar content_type: ``Content-Type`` header of the requests. Default: by shape. Example: ``application/json``.
    :ivar gzip: Whether to compress request bodies. Default: no, because many receivers cannot read it.
    :ivar headers: Headers of every request; they must not contain secrets. Example: ``{X-Tenant: acme}``.
    :ivar id_header: Name of a header for the id of the batch, which is the same whenever the same events are sent
        again. Example: ``Idempotency-Key``.
    :ivar accepted: HTTP statuses that mean "delivered", 200 to 299. Default: ``[200, 201, 202, 204]``.
    :ivar later: HTTP statuses after which the batch is sent again, 400 to 599. Default: 408, 425, 429 and 5xx.
    :ivar faults: HTTP statuses that mean that an event in the batch is refused, 400 to 499. Default: ``[400, 406, 413,
        422]``.
    :ivar already_there: HTTP statuses that mean that the receiver already has the events. It needs ``id_header`` or one
        event per request. Example: ``[409]``.
    :ivar batch_events: Maximum number of events in one request. Default: 100.
    :ivar batch_bytes: Maximum size of one request in bytes, before compression. Default: 1,000,000.
    :ivar event_bytes: Maximum size of one event in bytes, as it is sent; a larger one is set aside. Default: 1,000,000.
    :ivar max_age_hours: Age in hours from which the receiver would drop an event. Default: no limit. Example: ``168``.
    """

    default_conn_id: ClassVar[str] = "http_siem_default"
    default_format: ClassVar[str] = "envelope"

    preset: str | None = None
    settings: Mapping[str, str] | None = None
    path: str | None = None
    method: Literal["POST", "PUT"] = "POST"
    shape: Shape | None = None
    wrapper: str = "events"
    content_type: str | None = None
    gzip: bool | None = None
    headers: Mapping[str, str] | None = None
    id_header: str | None = None
    accepted: tuple[int, ...] | None = None
    later: tuple[int, ...] | None = None
    faults: tuple[int, ...] | None = None
    already_there: tuple[int, ...] = ()
    batch_events: int | None = None
    batch_bytes: int | None = None
    event_bytes: int | None = None
    max_age_hours: float | None = None

    def __post_init__(self) -> None:
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"there is no preset {self.preset!r}{near(self.preset, PRESETS)}")
        if self.preset and self.shape:
            raise ValueError("'shape' is defined by the preset: leave it out")
        if self.path and not self.path.startswith("/"):
            raise ValueError("'path' must begin with a slash")
        _check_headers(self)
        _check_settings(self)
        for key, first, last in (("accepted", 200, 299), ("later", 400, 599), ("faults", 400, 499)):
            wrong = [each for each in getattr(self, key) or () if not first <= each <= last]
            if wrong:
                raise ValueError(f"{key!r} contains {wrong[0]}, but must be {first} to {last}")
        for key in ("event_bytes", "max_age_hours"):
            if getattr(self, key) is not None and getattr(self, key) <= 0:
                raise ValueError(f"{key!r} must be more than 0")
        if self.max_age_hours is not None and self.max_age_hours > 24 * MOST_DAYS:
            raise ValueError(f"'max_age_hours' must be at most {24 * MOST_DAYS}")

    @property
    def kind(self) -> Preset:
        """The preset, or the description of a receiver without one."""
        return PRESETS[self.preset] if self.preset else plain(self.shape or "array", self.wrapper)

    @property
    def compressed(self) -> bool:
        """Whether request bodies are compressed."""
        return self.kind.gzip if self.gzip is None else self.gzip


class HttpDestination:
    """A receiver.

    :param client: of the connection's URL, with the credential in its session.
    :raises ConfigurationError: the options contradict each other.
    """

    def __init__(self, options: HttpOptions, origin: Origin, client: HttpClient, *, form: Form | None = None) -> None:
        kind = options.kind
        self._form = form or (Raw(origin) if kind.raw_only else Envelope(origin))
        if kind.raw_only and not isinstance(self._form, Raw):
            raise ConfigurationError(f"{kind.title} parses the vendor's own records: set 'format: raw'.")
        self._options, self._kind, self._client = options, kind, client
        self._sender = Sender(origin, options.settings or {})
        self._frame = kind.frame(self._sender)
        events = options.batch_events or kind.batch_events
        self._limits = Limits(
            events=min(events, kind.most_events or events),
            batch_bytes=options.batch_bytes or kind.batch_bytes,
            event_bytes=options.event_bytes or kind.event_bytes,
            framing=len(self._frame.before) + len(self._frame.after),
            separator=len(self._frame.separator),
            max_age=timedelta(hours=options.max_age_hours) if options.max_age_hours else kind.max_age,
            restamps=kind.restamps,
        )
        if options.already_there and not (options.id_header or self._limits.events == 1):
            raise ConfigurationError(
                "'already_there' needs 'id_header' or one event per request: otherwise it is unknown which events of a "
                "batch the receiver already has."
            )
        self._rules = Rules(
            accepted=frozenset(options.accepted) if options.accepted is not None else kind.accepted,
            later=frozenset(options.later) if options.later is not None else kind.later,
            faults=frozenset(options.faults) if options.faults is not None else kind.faults,
            credential="check 'auth' and the credential on the connection.",
            address="check the connection's host and 'path'; redirects are not followed, and a 410 is permanent.",
        )
        self._path = self._path_of(options, kind)
        self._headers = self._headers_of(options, kind)
        self._compressed = options.compressed

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the event in the form of the receiver.

        :raises ValueError: the receiver would cut it.
        """
        now = self._client.now()
        time = now if restamp else event.time
        return self._kind.encode(Parcel(event, self._form, time, now, restamp), self._sender)

    def send(self, batch: Batch) -> Outcome:
        """Send one body, and judge by the preset's own rule and then by the status."""
        body = self._frame.joined([item.encoded for item in batch.items])
        if self._compressed:
            body = igzip.compress(body, _GZIP_LEVEL, mtime=0)
        headers = self._headers
        if self._options.id_header:
            headers = {**headers, self._options.id_header: self._id_of(batch)}
        answer = self._client.send(self._options.method, self._path, headers=headers, body=body)
        tokens = self._client.token_tries()
        while not is_slow_down(answer) and tokens.again(answer):
            answer = self._client.send(self._options.method, self._path, headers=headers, body=body)
        return self._judge(answer, len(batch))

    def check(self) -> str:
        """Reach the address without sending an event.

        This proves the name, the certificate and the route. A preset that has a body without events also proves the
        path and the credential.

        :raises AuditError: the receiver cannot be reached, or does not accept the body without events.
        """
        if self._kind.nothing:
            return self._check_with_nothing()
        answer = self._client.send("HEAD", self._path)
        said = f"{answer.where} answered {answer.status}"
        if 300 <= answer.status < 400 or answer.status == 410:
            raise ConfigurationError(f"{said}: {self._rules.address}")
        unseen = f" {self._kind.unseen}" if self._kind.unseen else ""
        return (
            f"{said}, so the address can be reached; only a test event proves that the credential is accepted and "
            f"events are understood.{unseen}"
        )

    def _check_with_nothing(self) -> str:
        body = igzip.compress(self._kind.nothing, _GZIP_LEVEL, mtime=0) if self._compressed else self._kind.nothing
        answer = self._client.send(self._options.method, self._path, headers=self._headers, body=body)
        refuse_later(answer, self._client)
        if self._judge(answer, 1).verdicts != (Verdict.DELIVERED,):
            raise ProtocolError(
                f"{answer.where} answered {answer.status}{self._client.words(answer)} to a request without events, "
                f"which is not how {self._kind.title} answers: check the connection's host and 'path'."
            )
        unseen = f" {self._kind.unseen}" if self._kind.unseen else ""
        return f"{answer.where} answered {answer.status} to a request without events.{unseen}"

    def send_test_event(self) -> str:
        """Send one event that is marked as a test, and return a sentence about the result.

        :raises AuditError: the receiver does not accept it.
        """
        return send_marked_event(self, self._client.service, self._client.now())

    def _judge(self, answer: Answer, count: int) -> Outcome:
        outcome = self._kind.judge(answer, count, self._client)
        if outcome is not None:
            return outcome
        said = f"{answer.where} answered {answer.status}{self._client.words(answer)}"
        if answer.status in self._options.already_there:
            return Outcome.all(Verdict.ALREADY_THERE, count, said=said)
        if answer.status in self._rules.accepted and b"<html" in answer.body[:2000].lower():
            raise ProtocolError(f"{answer.not_json()} Everything is kept.")
        if 200 <= answer.status < 300 and answer.status not in self._rules.accepted and not answer.is_web_page:
            statuses = ", ".join(map(str, sorted({*self._rules.accepted, answer.status})))
            raise MaybeStoredError(f"{said}: if that means stored, set 'accepted: [{statuses}]'; {MAYBE_STORED}")
        if answer.status == 413 and 413 in self._rules.faults:  # also if a proxy answers it with a web page
            return Outcome.all(Verdict.SPLIT, count, said=said)
        if is_slow_down(answer):
            return put_off(answer, count, self._client)
        said_anew = self._rules.faults | self._rules.later
        if answer.status == 415 and 415 not in said_anew:
            raise ConfigurationError(
                f"{said}: it does not accept "
                f"{self._headers['Content-Type']}{' with gzip' if self._compressed else ''}, set 'content_type', "
                "'shape' or 'gzip'; everything is kept."
            )
        if answer.status == 409 and 409 not in said_anew:
            raise ConfigurationError(
                f"{said}: if this means that it already has the events, set 'already_there: [409]'; everything is kept."
            )
        return judge(answer, count, self._rules, self._client)

    def _id_of(self, batch: Batch) -> str:
        """Return the batch's id, derived from its events in order and their origin."""
        origin = self._sender.origin
        named = [origin.pipeline, origin.source, *(item.event.id for item in batch.items)]
        return f"msg_{hashlib.sha256(msgspec.json.encode(named)).hexdigest()[:40]}"

    def _path_of(self, options: HttpOptions, kind: Preset) -> str:
        if options.path is not None:
            return options.path
        path = str(filled(kind.path, self._sender.settings))
        return "" if path and self._client.base_url.partition("?")[0].endswith(path) else path

    def _headers_of(self, options: HttpOptions, kind: Preset) -> dict[str, str]:
        is_text = not self._form.is_json and not options.preset and options.shape in ("ndjson", "single")
        own = "text/plain; charset=utf-8" if is_text else kind.content_type
        headers = {**(options.headers or {}), "Content-Type": options.content_type or own}
        return {**headers, "Content-Encoding": "gzip"} if options.compressed else headers


def _check_headers(options: HttpOptions) -> None:
    named = {**(options.headers or {}), **({options.id_header: ""} if options.id_header is not None else {})}
    for name, value in named.items():
        if not _HEADER_NAME.fullmatch(name) or "\r" in value or "\n" in value:
            raise ValueError(f"{name!r} is not a header name, or its value contains a line break")
        if name.lower() in _CREDENTIAL_HEADERS:
            raise ValueError(f"the header {name!r} is a credential: put it into the connection")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the header {name!r} is set by 'content_type', 'gzip' and the connection")


def _check_settings(options: HttpOptions) -> None:
    kind, given = options.kind, options.settings or {}
    missing = [name for name in kind.needs if not given.get(name)]
    if missing:
        raise ValueError(f"the preset {options.preset!r} needs the setting {missing[0]!r}")
    known = None if kind.takes is None else (*kind.needs, *kind.takes)
    for name in given:
        if known is not None and name not in known:
            raise ValueError(f"there is no setting {name!r}{near(name, known)}")
        if name in names_in(kind.path) and (not _SETTING.fullmatch(given[name]) or ".." in given[name]):
            raise ValueError(f"the setting {name!r} is part of the path, and its value is not allowed there")


def _connect(options: HttpOptions, origin: Origin, connection: Access, form: Form | None = None) -> HttpDestination:
    return HttpDestination(options, origin, connection.client(), form=form)


HTTP = DestinationSpec(
    name="http",
    options=HttpOptions,
    connect=_connect,
    arguments=("preset", "shape"),
    connection=ConnectionType(
        name="http_siem",
        title="SIEM over HTTP",
        service="the HTTP receiver",
        fields={
            "host": Field("Receiver URL", "the whole URL", "https://siem.example.com/events"),
            "login": Field("User (for basic)", "user, for `basic`"),
            "password": Field("Token, password, 'Name: value', signing secret or key file", "as `auth` needs it"),
        },
        extras={
            "auth": Extra(
                "Authentication",
                "header, bearer, basic, signature (Standard Webhooks), google_service_account or none",
                values=("header", "bearer", "basic", "signature", "google_service_account", "none"),
            ),
            "scope": Extra("Scope", "For 'google_service_account': the token's scope, if not Google Cloud's"),
            "token_url": Extra("Token URL", "For 'google_service_account': where tokens are fetched, if not at Google"),
            "auth_header": Extra("Header", "For 'header': 'Name: value', instead of the password", "secret"),
            "secret_url": Extra(
                "The URL is secret",
                "The URL is the credential, as for Sumo Logic: messages show only its host",
                "flag",
            ),
            "page_url": Extra("Page", "For links in tasks: the page that shows the events"),
        },
    ),
    hook="audit_provider.hooks.http_siem.HttpSiemHook",
    link_label="Receiver",
    link=lambda options, origin, times, connection: connection.page_extra("page_url"),
    about=About(
        title="Any HTTP receiver",
        docs="https://github.com/standard-webhooks/standard-webhooks",
        create="What the receiver needs: a URL, and a header, a token, a login or a signature secret.",
        connection="`http_siem`: host (the whole URL), extra `auth`: `header` (password `Name: value`), `bearer`, "
        "`basic`, `signature`, `google_service_account` or `none`.",
        guarantee='The receiver has answered each batch with a status that means "accepted".',
        duplicates="A batch whose answer is lost is sent again with the same `webhook-id` or `id_header`, and the "
        "same event ids. After three broken connections in a row it is halved, and its halves have their own ids.",
        old_events="Depends on the receiver. `max_age_hours` states the age from which it drops events; presets set "
        "it.",
        unseen="What a receiver does after its answer. For each preset, the table below says what its 2xx does not "
        "prove.",
        losing=(
            (
                "Fluent Bit 5.1 (`http`)",
                "answers 201 to an array that it cannot read, for example with a record nested 400 levels deep, and "
                "stores nothing from that record on",
                "none: use `otlp`, or `shape: single`",
            ),
            (
                "Fluent Bit 5.1 (`opentelemetry`)",
                "answers 201, which the preset `otlp` accepts as success",
                "none needed",
            ),
            (
                "VictoriaLogs 1.26 and 1.52 (`jsonline`)",
                "answers 200, and drops lines that it cannot read (times before 1678 or after 2261, nested 400 levels "
                "deep), lines with more than 1,000 fields, and a line over 256 kB with everything after it; 1.26 also "
                "drops everything after a line with a time in the year 1 or 9999",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`, and `shape: single`; or the preset `loki`",
            ),
            (
                "VictoriaLogs 1.52 (preset `loki`)",
                "answers 204, and drops a line whose JSON has more than 1,000 fields",
                "`-loki.disableMessageParsing`, or `-insert.maxFieldsPerLine`",
            ),
            VICTORIALOGS_RETENTION,
        ),
        example={"shape": "ndjson", "gzip": True},
    ),
)
