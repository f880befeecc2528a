"""Syslog: RFC 5424 messages over TLS, framed by octet counts or by newlines.

https://www.rfc-editor.org/rfc/rfc5425 (octet counts), https://www.rfc-editor.org/rfc/rfc6587#section-3.4.2 (newlines)

No syslog receiver confirms messages: messages that were written to a connection that breaks are lost unnoticed. So
delivery is best effort. This is the only destination for which "delivered" means "written, and the receiver did not
close the connection".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from audit_provider.core.destinations.base import Batch, Limits, Outcome, Verdict
from audit_provider.core.destinations.spec import (
    VICTORIALOGS_RETENTION,
    About,
    ConnectionType,
    DestinationSpec,
    Extra,
    Field,
)
from audit_provider.core.errors import HungUpError
from audit_provider.core.formats import Cef
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.wire.tcp import BALANCER_SECONDS

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.wire.tcp import TcpClient

FACILITIES = {
    name: number
    for number, name in enumerate(
        (
            *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
            *("ntp", "audit", "alert", "clock"),
            *(f"local{number}" for number in range(8)),
        )
    )
}
"""RFC 5424, table 1; ``audit`` is its "log audit"."""

SEVERITIES = {
    name: number for number, name in enumerate(("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"))
}
"""RFC 5424, table 2."""

_NIL = "-"
_LOOK_THERE = (
    "Syslog does not confirm messages, so look for the event at the receiver. If it does not arrive, the receiver may "
    "read the other framing: change 'framing' there or in the pipelines file."
)
_MOST_SETTLE = 3600
_BOM = b"\xef\xbb\xbf"
_MOST_HOSTNAME, _MOST_APP_NAME, _MOST_MSGID = 255, 48, 32
_SD_ID = re.compile(r"[!#-<>-\\^-~]{1,32}")
_UNPRINTABLE = re.compile(r"[^!-~]")
# A backslash before any other character would be literal. Control characters are written as rsyslog writes them.
_VALUE = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "]": "\\]", **{chr(code): f"#{code:03o}" for code in (*range(0x20), 0x7F)}}
)


@dataclass(frozen=True, slots=True)
class SyslogOptions:
    """Options of a ``syslog`` destination in the pipelines file.

    :ivar facility: Facility name from RFC 5424. Example: ``local0``.
    :ivar severity: Severity of the messages: ``emerg``, ``alert``, ``crit``, ``err``, ``warning``, ``notice``, ``info``
        or ``debug``.
    :ivar app_name: APP-NAME of the messages. Default: the source's name. Example: ``audit``.
    :ivar hostname: HOSTNAME of the messages. Some receivers distinguish log sources by it. Default: ``-``. Example:
        ``pylon``.
    :ivar msgid: MSGID of the messages. Default: the event's action. Example: ``audit``.
    :ivar sd_id: Id of the structured data with ``event_id``, ``source`` and ``pipeline``: a name, ``@``, and an
        enterprise number. The number in the default is reserved for examples. Example: ``audit@55555``.
    :ivar framing: How the receiver finds the end of a message: ``octet_counting``, as RFC 5425 says, or ``newline`` for
        a receiver that reads lines only.
    :ivar message_bytes: Maximum size of one message in bytes; a larger one is set aside. The default is what rsyslog
        accepts without cutting in its default configuration: raise the receiver's limit before this one.
    :ivar bom: Whether to put a byte order mark before the text, as RFC 5424 says; many receivers do not expect it.
    :ivar settle: Seconds to wait after a batch for the receiver to close the connection.
    :ivar last_settle: The same in seconds after the last batch of a run. A load balancer needs this long to find that
        no receiver is behind it.
    :ivar batch_events: Maximum number of events in one batch. Example: ``500``.
    :ivar batch_bytes: Maximum size of one batch in bytes, including octet counts; it is written at once.
    """

    default_conn_id: ClassVar[str] = "syslog_tls_default"
    default_format: ClassVar[str] = "cef"

    facility: str = "audit"
    severity: Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] = "info"
    app_name: str | None = None
    hostname: str | None = None
    msgid: str | None = None
    sd_id: str = "audit@32473"
    framing: Literal["octet_counting", "newline"] = "octet_counting"
    message_bytes: int = 8096
    bom: bool = False
    settle: float = 0.25
    last_settle: float = BALANCER_SECONDS
    batch_events: int = 1000
    batch_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        if self.facility not in FACILITIES:
            raise ValueError(f"'facility' must be one of {', '.join(FACILITIES)}")
        if not _SD_ID.fullmatch(self.sd_id):
            raise ValueError("'sd_id' must be up to 32 printable characters without '=', ']' and '\"'")
        for name, most in (("hostname", _MOST_HOSTNAME), ("app_name", _MOST_APP_NAME), ("msgid", _MOST_MSGID)):
            value = getattr(self, name)
            if value is not None and (not 0 < len(value) <= most or _UNPRINTABLE.search(value)):
                raise ValueError(f"{name!r} must be 1 to {most} printable ASCII characters without spaces")
        if self.message_bytes < 480:
            raise ValueError("'message_bytes' must be at least 480, which every receiver accepts")
        for name in ("settle", "last_settle"):
            if not 0 <= getattr(self, name) <= _MOST_SETTLE:
                raise ValueError(f"{name!r} must be 0 to {_MOST_SETTLE} seconds")


class SyslogDestination:
    """A receiver.

    A batch is written to one connection. If the connection breaks, the whole batch is written again, so a part of it
    may arrive more than once: ``event_id`` identifies repeats. A break that shows only later than ``settle`` is not
    noticed.

    :param client: opens connections.
    """

    def __init__(self, options: SyslogOptions, origin: Origin, client: TcpClient, *, form: Form | None = None) -> None:
        self._form = form or Cef(origin)
        self._options = options
        self._client = client
        self._limits = Limits(
            events=options.batch_events,
            batch_bytes=options.batch_bytes,
            event_bytes=options.message_bytes,
            separator=len(str(options.message_bytes)) + 1,
            unconfirmed=_LOOK_THERE,
        )
        self._fields = FieldReader(origin.fields, ("action",))
        priority = FACILITIES[options.facility] * 8 + SEVERITIES[options.severity]
        self._priority = f"<{priority}>1 "
        app_name = options.app_name or _printable(origin.source, _MOST_APP_NAME)
        self._sender = f" {options.hostname or _NIL} {app_name} {_NIL} "
        self._before_id = f' [{options.sd_id} event_id="'
        self._after_id = f'" source="{_value(origin.source)}" pipeline="{_value(origin.pipeline)}"] '
        self._bom = _BOM if options.bom else b""
        self._by_lines = options.framing == "newline"

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the message without its frame; the header has the time of the event.

        :raises ValueError: it cannot be sent in this framing.
        """
        msgid = self._options.msgid or _printable(self._fields.read(event.raw).get("action", ""), _MOST_MSGID)
        time = exact_text_of(event.time)
        header = f"{self._priority}{time}{self._sender}{msgid}{self._before_id}{_value(event.id)}{self._after_id}"
        message = header.encode() + self._bom + self._form.write(event)
        if self._by_lines and b"\n" in message:
            raise ValueError("it contains a line break, which would end the message: use framing octet_counting")
        return message

    def send(self, batch: Batch) -> Outcome:
        """Write the messages, each in its frame, and check whether the receiver hangs up or answers.

        :raises HungUpError: it closes the connection. A receiver does so on a message that it cannot process.
        """
        if self._by_lines:
            frames = b"".join([item.encoded + b"\n" for item in batch.items])
        else:
            frames = b"".join([b"%d %b" % (len(item.encoded), item.encoded) for item in batch.items])
        try:
            settle = max(self._options.settle, self._options.last_settle) if batch.listen_long else self._options.settle
            self._client.write(frames, settle)
        except HungUpError as error:
            largest = max(len(item.encoded) for item in batch.items)
            of_batch = "it" if len(batch) == 1 else f"the largest of {len(batch)} messages"
            raise HungUpError(
                f"{str(error).rstrip('.')}; {of_batch} has {largest:,} bytes: a receiver closes the connection on a "
                "message over its own limit (syslog-ng 'log-msg-size()', rsyslog '$MaxMessageSize'), on one that it "
                f"cannot read, and if it does not read the 'framing' {self._options.framing!r}."
            ) from None
        return Outcome.all(Verdict.DELIVERED, len(batch))

    def check(self) -> str:
        """Connect, and check that the receiver neither closes the connection nor sends data."""
        return (
            f"{self._client.where} accepts connections over {self._client.probe()}. Syslog does not confirm messages, "
            f"and only a test event that arrives proves that the receiver reads the framing {self._options.framing!r}."
        )


def _printable(text: str, most: int) -> str:
    """Return a text for RFC 5424's header: printable ASCII, no spaces, cut to ``most``; ``-`` if nothing is left."""
    return _UNPRINTABLE.sub("_", text)[:most] or _NIL


def _value(text: str) -> str:
    return text.translate(_VALUE)


def _connect(options: SyslogOptions, origin: Origin, client: TcpClient, form: Form | None = None) -> SyslogDestination:
    return SyslogDestination(options, origin, client, form=form)


SYSLOG = DestinationSpec(
    name="syslog",
    options=SyslogOptions,
    connect=_connect,
    connection=ConnectionType(
        name="syslog_tls",
        title="Syslog over TLS (RFC 5425)",
        service="syslog",
        fields={
            "host": Field("Receiver", "host; port 6514", "syslog.example.com"),
            "port": Field(placeholder="6514"),
            "password": Field("Passphrase of the key (if it has one)", "passphrase of `key`, if it has one"),
        },
        extras={
            "ca": Extra("CA bundle", "Path of the certificates to trust; empty: the system's"),
            "cert": Extra("Client certificate", "Path of a PEM file, if the receiver requires one"),
            "key": Extra("Client key", "Path of a PEM file; empty: the key is in the certificate's file"),
            "server_hostname": Extra("Server name", "Name in the receiver's certificate, if it is not the host"),
            "verify": Extra(
                "Verify TLS", "Off accepts any certificate, so others can read the events", "flag", default=True
            ),
            "transport": Extra("Transport", "tls, or tcp for plain text", values=("tls", "tcp")),
            "allow_plain": Extra(
                "Allow plain text",
                "Allow the transport tcp to hosts other than loopback; the events are then sent unencrypted",
                "flag",
            ),
        },
        is_http=False,
    ),
    hook="audit_provider.hooks.syslog_tls.SyslogTlsHook",
    about=About(
        title="Syslog over TLS",
        docs="https://www.rfc-editor.org/rfc/rfc5425",
        create="A receiver of RFC 5424 messages over TLS with octet counting, usually on port 6514.",
        connection="`syslog_tls`: host, port, extras `ca`, `cert`, `key`, `server_hostname`.",
        guarantee="Best effort: each event was written, and the receiver did not close the connection. Syslog has no "
        "confirmation.",
        duplicates="A batch whose connection breaks is written again. `event_id` in the structured data identifies "
        "repeats.",
        old_events="Any age, with the time when they happened; receivers may have their own limits.",
        unseen="What a receiver discards, and what was in transit when a connection broke unnoticed.",
        losing=(
            (
                "rsyslog 8.2302",
                "cuts messages longer than 8,096 bytes (its `8k`), which only its own log shows; frames over 200,000 "
                "bytes are merged",
                '`$MaxMessageSize`, or `global(maxMessageSize="64k")`, before `message_bytes` is raised',
            ),
            (
                "syslog-ng 3.38",
                "closes the connection on a message over 65,536 bytes; here that event becomes a dead letter",
                "`log-msg-size()`, before `message_bytes` is raised",
            ),
            (
                "syslog-ng 3.38, its `network()` source",
                "reads messages that end with a newline: messages with octet counts run together, in pieces of 65,536 "
                "bytes, without an error",
                "the `syslog()` source, or `framing: newline` here",
            ),
            (
                'rsyslog 8.2302 with `SupportOctetCountedFraming="off"`',
                "does the same, in pieces of 8,096 bytes",
                "leave it on, or `framing: newline` here",
            ),
            (
                "OpenTelemetry Collector 0.165 (`syslog`)",
                "reads messages that end with a newline: messages with octet counts run together",
                "`enable_octet_counting: true`, or `framing: newline` here",
            ),
            (
                "Fluent Bit 5.1",
                "reads messages that end with a newline, and accepts none with octet counts: it stores nothing, "
                "without an error",
                "`framing: newline` here, or `Format octet_counting` of its `syslog` input",
            ),
            ("Fluent Bit 5.1", "drops events before 1970 or in the far future", "none: check its log"),
            (
                "VictoriaLogs 1.26 and 1.52",
                "closes the connection on a time before 1678 or after 2261; here that event becomes a dead letter. It "
                "drops items over 256 kB or with more than 1,000 fields",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`",
            ),
            VICTORIALOGS_RETENTION,
            (
                "a web server written in Go, on the port of `transport: tcp`",
                "waits for the end of a line and does not answer, so everything counts as written",
                "use TLS, so that no other server can be mistaken for a receiver",
            ),
            (
                "HAProxy 2.6 that terminates TLS",
                "accepts connections while its receiver is down, and closes them after 3 s; if packets are dropped, "
                "after 20 s with `timeout connect 5s`. This package waits 4 s on a first connection",
                "`retries` x 1 s, or (`retries` + 1) x `timeout connect`, below 4 s; or terminate TLS at the receiver",
            ),
        ),
        example={"facility": "audit"},
    ),
)
