"""The tests that every destination must pass. A destination in another package inherits them.

Example, in the tests of a package that describes ``ACME``::

    class TestAcme(DestinationContract):
        spec = ACME
        stand_in = AcmeService
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec
import pytest

from audit_provider.core.errors import StopError
from audit_provider.core.formats import Raw
from audit_provider.core.model import UTC, Event, Fields, Offset, Origin
from audit_provider.core.shipping.packing import packed
from audit_provider.core.shipping.ship import ship
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.text.validation import checked
from audit_provider.get_provider_info import form_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.destinations.spec import DestinationSpec

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time at which everything in the tests happens."""

ORIGIN = Origin(
    "payroll", "slack", Fields("id", "date", action="action", actor_email="actor.user.email", ip="context.ip")
)
"""Pipeline and source of the events."""


def event(name: object, *, time: datetime = NOW, **record: Any) -> Event:
    """Return an event. :param name: its id. :param record: further keys of its record."""
    return Event(str(name), time, msgspec.Raw(msgspec.json.encode({"id": str(name), **record})))


def padded(name: str, size: int, encode: Callable[..., bytes]) -> Event:
    """Return an event that ``encode`` turns into exactly ``size`` bytes."""
    missing = size - len(encode(event(name, pad=""), restamp=False))
    assert missing >= 0, f"an empty event has more than {size} bytes"
    result = event(name, pad="x" * missing)
    assert len(encode(result, restamp=False)) == size, "each byte of the record must be one byte of what is sent"
    return result


@dataclass
class Desk:
    """Ships, and keeps the offset, the dead letters, and the waits.

    :ivar letters: dead letters by the event's id. :ivar sleeps: seconds of each wait.
    """

    offset: Offset = field(default_factory=Offset)
    commits: list[Offset] = field(default_factory=list)
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    sleeps: list[float] = field(default_factory=list)

    def commit(self, offset: Offset) -> None:
        """Keep an offset, which must be further than the one before."""
        after, before = (offset.segment, offset.index), (self.offset.segment, self.offset.index)
        assert after > before or (after == before and offset.ahead != self.offset.ahead)
        self.offset = offset
        self.commits.append(offset)

    def set_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters, which must be set aside before the commit that passes them."""
        places = [(letter.item.segment, letter.item.index) for letter in letters]
        assert places == sorted(places)
        assert places[0] >= (self.offset.segment, self.offset.index), "set aside before the commit that passes it"
        self.letters |= {letter.item.event.id: letter for letter in letters}

    def ship(self, destination: Destination, segments: Sequence[Sequence[Event]], **options: Any) -> Offset:
        """Ship segments, from the offset on. :param options: of the ship loop."""
        options = {"too_old": "arrival_time", "sleep": self.sleeps.append, "now": lambda: NOW, **options}
        start = self.offset.segment
        pending = ((number, events) for number, events in enumerate(segments, 1) if number >= start)
        commit = options.pop("commit", self.commit)
        return ship(destination, pending, self.offset, commit=commit, set_aside=self.set_aside, **options)


SMALL = 3000
"""Bytes of a small batch."""


class StandIn(Protocol):
    """A strict server that a destination ships to in the tests. It is a context manager that serves while it is open.

    :cvar destination: Name of the destination type.
    :ivar options: The options that the destination needs to reach it.
    """

    destination: ClassVar[str]
    options: Mapping[str, Any]

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return a stand-in that accepts events up to the destination's own limits."""

    def access(self, spec: DestinationSpec, *, right: bool = True) -> Any:
        """Return the argument for the destination's ``connect``. :param right: whether the credential is right."""

    def bodies(self) -> list[bytes]:
        """Return what was received, decompressed: one body for each batch, or for each file."""

    def ids(self) -> list[str]:
        """Return the id of every event that is stored, repeats included."""


class Far:
    """A destination and the stand-in behind it."""

    def __init__(self, spec: DestinationSpec, server: Any, **options: Any) -> None:
        self.server = server
        self.options = checked(spec.options, {**server.options, **options}, spec.name)
        self.destination = spec.connect(self.options, ORIGIN, server.access(spec), Raw(ORIGIN))


class DestinationContract:
    """What every destination must do. Subclass it, and name the destination and its stand-in.

    :cvar spec: The destination.
    :cvar stand_in: Class of its stand-in.
    """

    spec: ClassVar[DestinationSpec]
    stand_in: ClassVar[Any]

    @staticmethod
    def now() -> datetime:
        """Return the time at which everything happens."""
        return NOW

    @pytest.fixture
    def server(self) -> Iterator[Any]:
        """The stand-in, which serves for the length of a test."""
        with self.stand_in.accepting(self.now) as server:
            yield server

    @pytest.fixture
    def far(self, server: Any) -> Callable[..., Far]:
        """Return the destination with some options."""
        return lambda **options: Far(self.spec, server, **options)

    def test_it_is_described(self) -> None:
        """The example of its page is valid, and its form names what its connection has."""
        about = self.spec.about
        assert about.docs.startswith("https://"), "'docs' must be the address of the vendor's page"
        assert self.spec.example()
        if self.spec.connection is not None:
            form = form_of(self.spec)
            assert set(self.spec.connection.extras) <= set(form["conn-fields"])
            assert self.spec.options.default_conn_id.endswith("_default")

    def test_options_are_frozen_and_plain(self, far: Callable[..., Far]) -> None:
        """The operator shows defaults and the pipelines file checks keys: both read the dataclass's fields."""
        options = far().options
        assert dataclasses.fields(options)
        with pytest.raises(dataclasses.FrozenInstanceError):
            options.batch_bytes = 1
        assert all(each.default_factory is dataclasses.MISSING for each in dataclasses.fields(options))

    def test_each_event_is_stored_once(self, far: Callable[..., Far]) -> None:
        """Every event that counts as delivered is stored."""
        side, desk = far(), Desk()
        desk.ship(side.destination, [[event(name) for name in "abc"], [event("d")]])
        assert side.server.bodies()
        assert sorted(side.server.ids()) == list("abcd")
        assert desk.offset.counts.delivered == 4
        assert desk.letters == {}

    def test_the_test_of_the_connection_passes(self, far: Callable[..., Far]) -> None:
        """A right credential is confirmed in a sentence."""
        assert re.fullmatch(r"\S.* .*[.]", far().destination.check(), re.DOTALL)

    def test_a_wrong_credential_is_refused(self, far: Callable[..., Far], server: Any) -> None:
        """The run stops, and no event is set aside for it."""
        access = server.access(self.spec, right=False)
        if access is None:
            pytest.skip("its connection has no credential")
        destination = self.spec.connect(far().options, ORIGIN, access, Raw(ORIGIN))
        desk = Desk()
        with pytest.raises(StopError):
            desk.ship(destination, [[event("a")]])
        assert desk.letters == {}
        assert server.ids() == []

    def test_an_event_of_exactly_the_limit_goes_and_one_byte_more_is_set_aside(self, far: Callable[..., Far]) -> None:
        """``event_bytes`` is held to the byte."""
        side, desk = far(), Desk()
        encode, most = side.destination.encode, side.destination.limits.event_bytes
        fits, over = padded("fits", most, encode), padded("over", most + 1, encode)
        desk.ship(side.destination, [[event("first"), over, fits, event("last")]])
        assert list(desk.letters) == ["over"]
        assert f"{most + 1:,}" in desk.letters["over"].reason
        assert desk.offset.counts.delivered == 3

    def test_a_batch_of_exactly_the_limit_is_one_and_one_byte_more_is_two(self, far: Callable[..., Far]) -> None:
        """``batch_bytes``, ``framing`` and ``separator`` agree with the bytes that are sent."""
        side = far(batch_bytes=SMALL)
        encode, limits = side.destination.encode, side.destination.limits
        room = SMALL - limits.framing - 2 * limits.separator
        full = [padded("a", room // 2, encode), padded("b", room - room // 2, encode)]
        more = [padded("a", room // 2, encode), padded("b", room - room // 2 + 1, encode)]
        assert _count(side.destination, full) == 1
        assert _count(side.destination, more) == 2
        Desk().ship(side.destination, [full])
        (body,) = side.server.bodies()
        assert SMALL - 2 <= len(body) <= SMALL, "the joined bytes are counted as they are sent, separators and all"

    def test_no_body_is_ever_larger_than_its_limit_and_no_event_is_missing(self, far: Callable[..., Far]) -> None:
        """Batches are full but never too large."""
        side, desk = far(batch_bytes=SMALL), Desk()
        events = [event(f"n{number}", pad="y" * (number * 37 % 900)) for number in range(60)]
        desk.ship(side.destination, [events[:25], events[25:]])
        bodies = side.server.bodies()
        assert len(bodies) > 5
        assert all(len(body) <= SMALL for body in bodies)
        text = b"".join(bodies)
        assert all(f'"id":"n{number}"'.encode() in text for number in range(60))
        assert desk.offset.counts.delivered == desk.offset.counts.finished == 60

    def test_an_event_larger_than_a_batch_but_not_too_large_goes_alone(self, far: Callable[..., Far]) -> None:
        """It is never in a batch with others."""
        side, desk = far(batch_bytes=SMALL), Desk()
        large = padded("large", SMALL + 1, side.destination.encode)
        desk.ship(side.destination, [[event("first"), large, event("last")]])
        assert desk.letters == {}
        assert desk.offset.counts.delivered == 3
        assert sorted(len(body) > SMALL for body in side.server.bodies())[-2:] == [False, True]

    def test_events_per_batch_are_held(self, far: Callable[..., Far]) -> None:
        """``batch_events`` is the largest number of events in a batch."""
        if not any(each.name == "batch_events" for each in dataclasses.fields(self.spec.options)):
            pytest.skip("a batch may hold any number of events")
        side = far(batch_events=3)
        Desk().ship(side.destination, [[event(str(number)) for number in range(7)]])
        assert len(side.server.bodies()) == 3

    def test_the_record_travels_byte_for_byte(self, far: Callable[..., Far]) -> None:
        """The format ``raw`` is the vendor's record, unchanged; keys may be added beside those of the record."""
        raw = b'{"id":"1","b":1.10,  "a":[1, 2],"big":12345678901234567890,"u":"\\u00e9\xc3\xa9"}'
        side = far()
        Desk().ship(side.destination, [[Event("1", NOW, msgspec.Raw(raw))]])
        (body,) = side.server.bodies()
        assert raw[1:-1] in body

    def test_ids_and_names_that_need_escaping_stay_valid_json(self, far: Callable[..., Far]) -> None:
        """An id may contain anything."""
        side = far()
        hard = 'a"\\\n\u2028é\x00'
        Desk().ship(side.destination, [[event(hard)]])
        (body,) = side.server.bodies()
        assert hard in list(_texts(list(_objects(body.decode()))))


def _count(destination: Destination, events: list[Event]) -> int:
    """Return into how many batches the events are packed."""
    terms = Terms(sleep=lambda _: None, now=lambda: NOW)
    return len(list(packed(destination, [(1, events)], Offset(), terms)))


def _objects(text: str) -> Iterator[Any]:
    """Yield the JSON objects of a body, whatever is around and between them."""
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        value, place = decoder.raw_decode(text, place)
        yield value
        place = text.find("{", place)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
