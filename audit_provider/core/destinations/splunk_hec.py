"""Splunk's HTTP Event Collector.

https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/http-event-collector-rest-api-endpoints
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from isal import igzip

from audit_provider.core.destinations.answers import is_later, refuse_later
from audit_provider.core.destinations.base import Batch, Limits, Outcome, Verdict
from audit_provider.core.destinations.spec import (
    VICTORIALOGS_RETENTION,
    About,
    Access,
    ConnectionType,
    DestinationSpec,
    Extra,
    Field,
)
from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError
from audit_provider.core.formats import Raw, as_json
from audit_provider.core.records.links import splunk_search, splunk_search_page
from audit_provider.core.wire.auth import Header
from audit_provider.core.wire.http import backoff
from audit_provider.core.wire.later import is_slow_down

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin, Window
    from audit_provider.core.wire.http import Answer, HttpClient

EVENT_PATH = "/services/collector/event"
ACK_PATH = "/services/collector/ack"

_GZIP_LEVEL = 1
_EVENT_BYTES = 5_000_000  # the collector's own maxEventSize
_ACCEPTED = frozenset({0, 24, 25})
_NEAR_CAPACITY = frozenset({24, 25})
_NO_DATA = 5
_WRONG_INDEX = 7
_BUSY = 9
_EVENT_FAULTS = frozenset({6, 12, 13, 15})
_SENDER_FAULTS = {
    10: "set 'channel' (a GUID) in the connection's extra; the token needs one.",
    11: "'channel' in the connection's extra must be a GUID.",
    14: "the token was created without indexer acknowledgement: remove 'ack'.",
    16: "the collector does not accept tokens in the query.",
    21: "put a valid HEC token in the connection's password.",
    22: "the HEC token is disabled: enable it in Splunk.",
}
_TOKEN_FAULTS = {
    1: "the HEC token is disabled: enable it in Splunk.",
    2: "put the HEC token in the connection's password.",
    3: "put only the HEC token in the connection's password.",
    4: "the collector does not know the HEC token: put a valid one in the connection's password.",
}


@dataclass(frozen=True, slots=True)
class SplunkHecOptions:
    """Options of a ``splunk_hec`` destination in the pipelines file.

    :ivar index: Index for the events. Default: the token's default index. Example: ``audit``.
    :ivar sourcetype: Splunk's ``sourcetype`` of the events. Example: ``pylon:audit``.
    :ivar source: Splunk's ``source`` of the events. Default: the pipeline's name. Example: ``pylon-eu``.
    :ivar host: Splunk's ``host`` of the events. Default: none is sent, and Splunk sets its own. Example: ``pylon``.
    :ivar batch_events: Maximum number of events in one request. Example: ``500``.
    :ivar batch_bytes: Maximum size of one request in bytes, before compression. The collector's own limit may be lower.
    :ivar ack: Whether to wait for indexer acknowledgement. The token must have it enabled.
    :ivar ack_timeout: Seconds to wait for the acknowledgement.
    """

    default_conn_id: ClassVar[str] = "splunk_hec_default"
    default_format: ClassVar[str] = "raw"

    index: str | None = None
    sourcetype: str = "_json"
    source: str | None = None
    host: str | None = None
    batch_events: int = 1000
    batch_bytes: int = 900_000
    ack: bool = False
    ack_timeout: float = 300.0


class _Channel(threading.local):
    """The channel of a thread. :ivar guid: the fixed one, or one of the thread's own."""

    def __init__(self, fixed: str | None) -> None:
        self.guid = fixed or str(uuid.uuid4())


class SplunkHecDestination:
    """A collector.

    :param client: has the token in its session.
    :param channel: GUID of requests without acknowledgement; a new one if None. With it, each thread has its own, so
        that one batch at a time waits in a channel: after a restart of Splunk, the ids of acknowledgements begin at 0
        again, and would confirm another batch.
    """

    def __init__(
        self,
        options: SplunkHecOptions,
        origin: Origin,
        client: HttpClient,
        channel: str | None,
        *,
        form: Form | None = None,
    ) -> None:
        self._form = form or Raw(origin)
        self._options = options
        self._client = client
        self._channel = _Channel(None if options.ack else channel or str(uuid.uuid4()))
        self._limits = Limits(
            events=options.batch_events, batch_bytes=options.batch_bytes, event_bytes=_EVENT_BYTES, separator=1
        )
        known = {
            "host": options.host,
            "source": options.source or origin.pipeline,
            "sourcetype": options.sourcetype,
            "index": options.index,
        }
        envelope = msgspec.json.encode({key: value for key, value in known.items() if value is not None})
        self._before_time = envelope[:-1] + b',"time":'
        self._after_id = b',"pipeline":%b,"audit_source":%b}}' % (
            msgspec.json.encode(origin.pipeline),
            msgspec.json.encode(origin.source),
        )
        self._encode = msgspec.json.Encoder().encode

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the envelope around the event. Every envelope repeats all keys: nothing carries over."""
        return b'%b%.6f,"event":%b,"fields":{"event_id":%b%b' % (
            self._before_time,
            event.time.timestamp(),
            as_json(self._form, event),
            self._encode(event.id),
            self._after_id,
        )

    def send(self, batch: Batch) -> Outcome:
        """Post envelopes one after another, and judge by the reply code."""
        answer, outcome = self._sent(batch)
        taken = outcome.verdicts.count(Verdict.DELIVERED)
        if not self._options.ack or not taken:
            return outcome
        if answer.status == 200:
            return self._acknowledged(answer, outcome)
        # Only a batch that is accepted whole gets an ackId, so the accepted events of this one are sent again, alone.
        self._client.sleep(backoff(1) if outcome.wait is None else outcome.wait)
        answer, again = self._sent(Batch(batch.items[:taken]))
        if answer.status == 200:
            again = self._acknowledged(answer, again)
        else:
            again = Outcome.all(Verdict.RETRY, taken, wait=again.wait)
        wait = outcome.wait if again.verdicts[0] is Verdict.DELIVERED else again.wait
        return replace(outcome, verdicts=again.verdicts + outcome.verdicts[taken:], wait=wait)

    def check(self) -> str:
        """Post an empty body: for a valid token, the collector answers "no data"."""
        answer = self._post(EVENT_PATH, b"", {})
        refuse_later(answer, self._client)
        reply = _reply(answer)
        if _code(reply) == _NO_DATA:
            return "Splunk HEC accepts the token."
        if answer.status == 200 and _code(reply) == 0:
            return (
                f"{answer.where} answered an empty request with success, as compatible receivers do and Splunk does "
                "not: only a test event that arrives proves that the token is accepted."
            )
        self._refuse_sender(answer, reply)
        raise ProtocolError(
            f"{answer.where} answered {answer.status}{self._client.words(answer)}, which is not how a collector "
            "answers: check the connection's host."
        )

    def _judge(self, answer: Answer, count: int) -> Outcome:
        status = answer.status
        if status == 413:
            return Outcome.all(Verdict.SPLIT, count, said=f"{answer.where} answered 413, too large")
        if is_later(answer):
            return self._later(answer, count)
        reply = _reply(answer)
        code = _code(reply)
        said = f"{answer.where} answered {status} (code {code}){self._client.words(answer)}"
        if status == 200 and code in _ACCEPTED:
            return Outcome.all(Verdict.DELIVERED, count, said=said, slow_down=code in _NEAR_CAPACITY)
        if status == 400 and code in _EVENT_FAULTS:
            return _refused_from(reply, count, said)
        if status == 400 and code == _WRONG_INDEX:
            return self._wrong_index(reply, count, said)
        if status == 400 and code == _NO_DATA:
            # The body had events, so something in between has emptied it; no event was refused.
            raise ProtocolError(
                f"{said}, although {count} events were sent: check proxies in between; everything is kept."
            )
        self._refuse_sender(answer, reply)
        raise ProtocolError(
            f"{said}, which is not how a collector answers: check the connection's host; everything is kept."
        )

    def _later(self, answer: Answer, count: int) -> Outcome:
        """Return the outcome of "later". A busy collector may say how many events it accepted before it stopped."""
        said = f"{answer.where} answered {answer.status}{self._client.words(answer)}"
        wait = self._client.wait_asked(answer, slow_down=is_slow_down(answer))
        try:
            reply = _reply(answer)
        except ProtocolError:
            reply = {}
        taken = _number(reply, count) if _code(reply) == _BUSY else None
        return Outcome((Verdict.DELIVERED,) * (taken or 0) + (Verdict.RETRY,) * (count - (taken or 0)), said, wait)

    def _wrong_index(self, reply: dict[str, Any], count: int, said: str) -> Outcome:
        """Return an outcome with the events before the first wrong index as delivered; stop if there are none.

        The number in the answer is one too high for this code, so the event before it has the wrong index, and those
        before that are indexed.
        """
        number = reply.get("invalid-event-number")
        taken = number - 1 if isinstance(number, int) and 1 <= number <= count else 0
        if taken == 0:
            raise ConfigurationError(
                f"{said}: the token may not write to the index {self._options.index!r}: allow it in Splunk, or set "
                f"'index' in the pipelines file; everything is kept."
            )
        return Outcome((Verdict.DELIVERED,) * taken + (Verdict.RETRY,) * (count - taken), said, wait=0.0)

    def _refuse_sender(self, answer: Answer, reply: dict[str, Any]) -> None:
        code = _code(reply)
        said = f"{answer.where} answered {answer.status} (code {code})"
        if answer.status in (401, 403):
            raise CredentialError(f"{said}: {_TOKEN_FAULTS.get(code or 0, 'check the HEC token in the connection.')}")
        if code in _SENDER_FAULTS:
            raise ConfigurationError(f"{said}: {_SENDER_FAULTS[code]}")
        if 300 <= answer.status < 400 or answer.status in (404, 405, 415, 501):
            raise ConfigurationError(f"{said}: check that the connection's host is the collector's address.")

    def _acknowledged(self, answer: Answer, outcome: Outcome) -> Outcome:
        """Wait until the indexers have the batch. The collector reports that only once."""
        ack_id = _reply(answer).get("ackId")
        if not isinstance(ack_id, int):
            raise ConfigurationError(
                f"{answer.where} gave no ackId: the token was created without indexer acknowledgement, remove 'ack'."
            )
        body = msgspec.json.encode({"acks": [ack_id]})
        waited, pause = 0.0, 1.0
        while waited < self._options.ack_timeout:
            asked = self._client.fetch(
                "POST", ACK_PATH, params={"channel": self._channel.guid}, headers=self._headers({}), body=body
            )
            reply = _reply(asked)
            self._refuse_sender(asked, reply)
            acks = reply.get("acks")
            if not isinstance(acks, dict):
                raise ProtocolError(
                    f"{asked.where} answered {asked.status} without 'acks': check proxies in between; everything is "
                    "kept."
                )
            if acks.get(str(ack_id)) is True:
                return outcome
            self._client.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 10.0)
        return Outcome.all(
            Verdict.RETRY,
            len(outcome.verdicts),
            said=f"not acknowledged in {self._options.ack_timeout:.0f} s; sent again, so possibly twice",
        )

    def _sent(self, batch: Batch) -> tuple[Answer, Outcome]:
        body = igzip.compress(b"\n".join([item.encoded for item in batch.items]), _GZIP_LEVEL, mtime=0)
        answer = self._post(EVENT_PATH, body, {"Content-Encoding": "gzip", "Content-Type": "application/json"})
        return answer, self._judge(answer, len(batch))

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        return self._client.send("POST", path, headers=self._headers(headers), body=body)

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {"X-Splunk-Request-Channel": self._channel.guid, **headers}


def _reply(answer: Answer) -> dict[str, Any]:
    reply = answer.json() if answer.body else {}
    return reply if isinstance(reply, dict) else {}


def _code(reply: dict[str, Any]) -> int | None:
    code = reply.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _number(reply: dict[str, Any], count: int) -> int | None:
    """Return the zero-based number of the event at which the collector stopped, if it is one."""
    number = reply.get("invalid-event-number")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < count else None


def _refused_from(reply: dict[str, Any], count: int, said: str) -> Outcome:
    """Return the outcome of a bad event: those before it are indexed, it and those after are not."""
    number = _number(reply, count)
    if number is None:
        # The answer does not say which event. Halving finds it, but may repeat events that an unusual collector has
        # accepted.
        return Outcome.all(Verdict.SPLIT, count, said=said)
    rest = count - number - 1
    verdicts = (Verdict.DELIVERED,) * number + (Verdict.REFUSED,) + (Verdict.RETRY,) * rest
    return Outcome(verdicts, said, wait=0.0)


def _connect(
    options: SplunkHecOptions, origin: Origin, connection: Access, form: Form | None = None
) -> SplunkHecDestination:
    options = replace(options, ack=connection.flag("ack", default=options.ack))
    return SplunkHecDestination(options, origin, connection.client(), connection.extra("channel"), form=form)


def _link(options: SplunkHecOptions, origin: Origin, times: Window, connection: Access) -> str:
    page = connection.page_extra("search_url") or splunk_search_page(connection.address())
    return splunk_search(page, options.index, options.source or origin.pipeline, times) if page else ""


SPLUNK_HEC = DestinationSpec(
    name="splunk_hec",
    options=SplunkHecOptions,
    connect=_connect,
    arguments=("index", "sourcetype"),
    connection=ConnectionType(
        name="splunk_hec",
        title="Splunk HTTP Event Collector",
        service="Splunk HEC",
        fields={
            "host": Field("Collector URL", "base URL of the collector", "https://splunk.example.com:8088"),
            "password": Field("HEC token", "HEC token"),
        },
        extras={
            "channel": Extra("Channel", "A GUID of your choice; with acknowledgement, each sender makes its own"),
            "ack": Extra(
                "Indexer acknowledgement",
                "Wait until the indexers have the events; the token must have it enabled",
                "flag",
            ),
            "search_url": Extra(
                "Search app URL", "For links in tasks, for example https://splunk.example.com/en-US/app/search/search"
            ),
        },
        auth=Header({"Authorization": "Splunk {password}"}),
    ),
    hook="audit_provider.hooks.splunk_hec.SplunkHecHook",
    link_label="Splunk search",
    link=_link,
    about=About(
        title="Splunk HTTP Event Collector",
        docs="https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/"
        "http-event-collector-rest-api-endpoints",
        create="A token of the HTTP Event Collector that may write to the index named here.",
        connection="`splunk_hec`: host (the collector's URL, with port) and password (the token).",
        guarantee="The collector has accepted each event. With `ack: true` the indexers have written it.",
        duplicates="A batch whose answer is lost is sent again. With `ack: true`, so are a batch that is not "
        "acknowledged in time and the events before a refused event in its batch. The indexed field `event_id` "
        "identifies repeats.",
        old_events="Any age, with the time when they happened; an index's own retention may drop them.",
        unseen="Without `ack`, losses between collector and indexer. Some load balancers answer 200 themselves.",
        losing=(
            (
                "Fluent Bit 5.1 (`splunk`)",
                "answers 200 to a batch that it cannot read, for example with a record nested 400 levels deep, and "
                "stores nothing from that record on; events in its memory are lost in a crash",
                "`storage.type filesystem`; `batch_events: 1` if records are nested that deep",
            ),
            (
                "VictoriaLogs 1.52 (`/services/collector`)",
                "answers success to a batch that it cannot read to its end, as of a record nested 400 deep, and stores "
                "nothing from that record on; drops events of more than 1,000 fields; puts those before 1678 and after "
                "2261 under another time",
                "`batch_events: 1` where records are nested so deep, `-insert.maxFieldsPerLine`",
            ),
            VICTORIALOGS_RETENTION,
            (
                "Splunk",
                "answers before the events are indexed, so a full queue or a crash loses them",
                "`ack: true` here, indexer acknowledgement on the token in Splunk",
            ),
        ),
        example={"index": "audit"},
    ),
)
