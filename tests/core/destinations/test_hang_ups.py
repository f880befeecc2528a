"""A receiver that hangs up on an event it cannot take, and one that hangs up since it is ill."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.marked_event import TEST_ACTION
from audit_provider.core.errors import StopError, UnavailableError
from audit_provider.core.formats import Raw
from audit_provider.core.wire.http import HttpClient
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event


class Receiver:
    """Takes arrays of events over HTTP, and hangs up without an answer where it is told to.

    :ivar hangs_up: given the ids of a batch, whether it does so. :ivar taken: ids, in order.
    """

    def __init__(self, hangs_up):
        self.hangs_up = hangs_up
        self.batches = []
        self.taken = []
        self.url = ""

    def serve(self, listener):
        with suppress(OSError):
            while True:
                connected, _ = listener.accept()
                with connected, connected.makefile("rb") as reader:
                    self._answer(connected, reader)

    def _answer(self, connected, reader):
        size = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        records = json.loads(reader.read(size))
        ids = [each.get("action") or each["id"] for each in records]
        self.batches.append(ids)
        if not self.hangs_up(ids):
            self.taken += ids
            connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def receiving():
    @contextmanager
    def listening(hangs_up):
        receiver = Receiver(hangs_up)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=receiver.serve, args=(listener,), daemon=True)
            thread.start()
            receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                yield receiver
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(10)

    with ExitStack() as stack:
        yield lambda hangs_up: stack.enter_context(listening(hangs_up))


def on_poison(ids):
    return any(each.startswith("P") for each in ids)


def http(receiver, **options):
    session = requests.Session()
    session.trust_env = False
    client = HttpClient(session, receiver.url, service="the receiver", sleep=lambda seconds: None, now=lambda: NOW)
    return HttpDestination(
        HttpOptions(batch_events=options.pop("batch_events", 1000), **options), ORIGIN, client, form=Raw(ORIGIN)
    )


GOOD = [f"e{number}" for number in range(30)]


@pytest.mark.parametrize(
    "names",
    [
        ["P", *"abcde"],
        [*"abc", "P", *"de"],
        [*"abcde", "P"],
        ["a", "P"],
        ["P1", "P2", "P3", *"ab"],
        ["a", "P1", "b", "P2", "P3"],
        [*(f"P{number}" for number in range(9)), *GOOD],
        [*(f"P{number}" for number in range(40)), *GOOD],
        [*GOOD, *(f"P{number}" for number in range(9))],
        [*GOOD, *(f"P{number}" for number in range(40)), *(f"f{number}" for number in range(500))],
    ],
)
def test_the_culprits_are_set_aside_and_everything_else_is_taken(receiving, names):
    receiver, desk = receiving(on_poison), Desk()
    desk.ship(http(receiver), [[event(name) for name in names]])
    good = [name for name in names if not name.startswith("P")]
    assert set(receiver.taken) == set(good)
    assert set(desk.letters) == set(names) - set(good)
    assert (desk.offset.counts.delivered, desk.offset.counts.dead_lettered) == (len(good), len(desk.letters))
    assert next(iter(desk.letters.values())).reason.startswith(
        "the receiver closes the connection on it: POST 127.0.0.1:"
    )


def test_what_is_taken_while_the_culprit_is_looked_for_is_sent_again_once_at_most(receiving):
    receiver, desk = receiving(on_poison), Desk()
    names = ["a", "b", "c", "P", "d", "e"]
    desk.ship(http(receiver), [[event(name) for name in names]])
    assert len(receiver.taken) <= len(names)


@pytest.mark.parametrize("options", [{}, {"batch_events": 1}])
def test_an_event_with_none_beside_it_is_judged_by_one_that_is_marked_as_a_test(receiving, options):
    receiver, desk = receiving(on_poison), Desk()
    desk.ship(http(receiver, **options), [[event("P")]])
    assert set(desk.letters) == {"P"}
    assert receiver.taken == [TEST_ACTION]


@pytest.mark.parametrize("count", [1, 2, 11, 500])
def test_a_receiver_that_hangs_up_on_everything_costs_no_event(receiving, count):
    receiver, desk = receiving(lambda ids: True), Desk()
    with pytest.raises(UnavailableError, match="accepted nothing in .* tries in a row"):
        desk.ship(http(receiver), [[event(number) for number in range(count)]])
    assert (desk.commits, desk.letters) == ([], {})
    assert len(receiver.batches) < 60


@pytest.mark.parametrize("up_after", range(3, 12))
@pytest.mark.parametrize("down_after", range(1, 5))
def test_a_receiver_that_comes_up_for_a_moment_costs_no_event(receiving, up_after, down_after):
    """It hangs up on everything but for a few batches: whoever is alone then must not be taken for the culprit."""
    receiver, desk = receiving(lambda ids: not up_after <= len(receiver.batches) < up_after + down_after), Desk()
    with suppress(UnavailableError):
        desk.ship(http(receiver), [[event(number) for number in range(16)]])
    assert desk.letters == {}


def test_a_receiver_that_takes_nothing_but_test_events_loses_none_of_the_others(receiving):
    receiver, desk = receiving(lambda ids: ids != [TEST_ACTION]), Desk()
    with pytest.raises(StopError, match="refused every one of"):
        desk.ship(http(receiver), [[event(number) for number in range(40)]])
    assert (desk.commits, desk.letters) == ([], {})


def test_a_restart_halves_nothing(receiving):
    receiver, desk = receiving(lambda ids: len(receiver.batches) <= 2), Desk()
    desk.ship(http(receiver), [[event(name) for name in "abcd"]])
    assert receiver.batches == [list("abcd")] * 3
    assert desk.offset.counts.delivered == 4
    assert len(desk.sleeps) == 2


@pytest.mark.parametrize("names", [["P"], ["P", "a"], ["P1", "P2"]])
def test_a_redrive_of_what_is_hung_up_on_leaves_it_open(receiving, names):
    receiver, desk = receiving(on_poison), Desk()
    desk.ship(http(receiver), [[event(name) for name in names]], refused_before=True)
    assert set(desk.letters) == {name for name in names if name.startswith("P")}
    assert set(receiver.taken) - {TEST_ACTION} == {name for name in names if not name.startswith("P")}
