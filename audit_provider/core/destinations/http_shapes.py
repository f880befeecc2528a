"""The parts of a body of the generic HTTP destination, and the shapes without a preset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from audit_provider.core.destinations.answers import FAULTS
from audit_provider.core.destinations.base import Outcome
from audit_provider.core.formats import Form, as_json
from audit_provider.core.model import Event, Origin
from audit_provider.core.wire.http import Answer, HttpClient
from audit_provider.core.wire.later import LATER

ACCEPTED = frozenset({200, 201, 202, 204})

_LATER = LATER | {501, 505}
"""For an unknown receiver: these answers of a gateway in front of it may be temporary too."""

Shape = Literal["array", "ndjson", "single", "wrapped"]
"""A JSON array, one event per line, one event per request, or an array under a key of an object."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a body around and between the events."""

    before: bytes = b""
    separator: bytes = b"\n"
    after: bytes = b""

    def joined(self, encoded: Iterable[bytes]) -> bytes:
        """Return the body."""
        return self.before + self.separator.join(encoded) + self.after


@dataclass(frozen=True, slots=True)
class Sender:
    """The origin that a body names. :ivar settings: of the preset, from the pipelines file."""

    origin: Origin
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event to encode.

    :ivar time: Time to send: its own, or the current time if it is restamped.
    :ivar now: aware UTC.
    """

    event: Event
    form: Form
    time: datetime
    now: datetime
    restamped: bool = False

    def line(self) -> bytes:
        """Return the event in its form."""
        return self.form.write(self.event)

    def value(self) -> bytes:
        """Return the event in its form as a JSON value."""
        return as_json(self.form, self.event)

    def text(self, most: int | None = None) -> bytes:
        """Return the event in its form as a JSON string.

        :param most: the most bytes that the receiver stores; None for no limit.
        :raises ValueError: it is longer.
        """
        line = self.line()
        if most is not None and len(line) > most:
            raise ValueError(f"its {len(line):,} bytes are more than the {most:,} that the receiver stores")
        return msgspec.json.encode(line.decode())


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of receiver.

    :ivar name: Its name in the pipelines file, "" for a receiver without a preset.
    :ivar title: Name of the product.
    :ivar page: Address of the vendor's page.
    :ivar encode: Encodes one event.
    :ivar frame: Returns the parts around the events.
    :ivar judge: Reads an answer first; with None, the status decides.
    :ivar nothing: A body without events, which proves path and credential and stores nothing; empty if none is known.
    :ivar path: Path after the connection's URL, with settings in braces.
    :ivar accepted: Statuses that mean "delivered".
    :ivar later: Statuses that mean "send it again".
    :ivar faults: Statuses that mean that an event is refused.
    :ivar most_events: Maximum number of events in a request.
    :ivar max_age: Older events would be dropped.
    :ivar restamps: Whether an event can be sent with the current time beside its own.
    :ivar needs: Settings that must be given.
    :ivar takes: Settings that may be given; None for any.
    :ivar raw_only: The receiver parses the vendor's own record.
    :ivar url_is_credential: The receiver identifies a sender only by the URL, which must therefore never be shown.
    :ivar unseen: What its answer does not prove. A whole sentence, "" if nothing is known.
    :ivar hosts: Hosts of the vendor's regions, as the page shows them; "" if every customer has their own.
    """

    title: str
    encode: Callable[[Parcel, Sender], bytes]
    frame: Callable[[Sender], Frame]
    judge: Callable[[Answer, int, HttpClient], Outcome | None] = lambda answer, count, client: None
    name: str = ""
    page: str = ""
    nothing: bytes = b""
    path: str = ""
    content_type: str = "application/json"
    gzip: bool = False
    accepted: frozenset[int] = ACCEPTED
    later: frozenset[int] = LATER
    faults: frozenset[int] = FAULTS | {406}
    most_events: int | None = None
    batch_events: int = 100
    batch_bytes: int = 1_000_000
    event_bytes: int = 1_000_000
    max_age: timedelta | None = None
    restamps: bool = True
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] | None = ()
    raw_only: bool = False
    url_is_credential: bool = False
    unseen: str = ""
    hosts: str = ""


def plain_line(parcel: Parcel, sender: Sender) -> bytes:
    """Return the event in its form, without an envelope."""
    return parcel.line()


def _plain_value(parcel: Parcel, sender: Sender) -> bytes:
    return parcel.value()


def plain(shape: Shape, wrapper: str) -> Preset:
    """Return the description of a receiver without a preset. Its bodies have no field for a current time.

    :param wrapper: key of the array with the shape ``wrapped``.
    """
    if shape == "ndjson":
        kind = "application/x-ndjson"
        frame = Frame(after=b"\n")
        return Preset("the receiver", plain_line, lambda sender: frame, content_type=kind, later=_LATER, restamps=False)
    if shape == "single":
        return Preset("the receiver", plain_line, lambda sender: Frame(), later=_LATER, most_events=1, restamps=False)
    before = b"[" if shape == "array" else b"{%b:[" % msgspec.json.encode(wrapper)
    frame = Frame(before, b",", b"]" if shape == "array" else b"]}")
    return Preset("the receiver", _plain_value, lambda sender: frame, later=_LATER, restamps=False)
