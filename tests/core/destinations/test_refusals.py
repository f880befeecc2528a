"""Whose fault a refusal is: a bad event is set aside, a sender that is refused must not empty the log."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.errors import StopError
from audit_provider.core.model import ShipCounts
from audit_provider.core.shipping.refusals import TOO_MANY_REFUSED
from tests.core.destinations.stand_ins import ORIGIN, Desk, Listed, client_of, event

LIMITS = Limits(events=5, batch_bytes=100_000, event_bytes=1000)
MOST = TOO_MANY_REFUSED - 1


def events(count, first=0):
    return [event(number) for number in range(first, first + count)]


def refused(request):
    return 400, {}, {"error": "unknown field 'events': expected 'records'"}


class Judging(Listed):
    """Judges each event by its id. A reason is one of its own; "" refuses the batch that the event is in."""

    def __init__(self, *, reason=None, limits=LIMITS, encode=None):
        super().__init__(limits=limits, encode=encode)
        self.reason = reason or (lambda name: None)

    def send(self, batch):
        said = [self.reason(item.event.id) for item in batch.items]
        if "" in said:
            self.plan = [Outcome.all(Verdict.SPLIT, len(batch), said="bad request")]
        else:
            verdicts = tuple(Verdict.DELIVERED if each is None else Verdict.REFUSED for each in said)
            self.plan = [Outcome(verdicts, reasons={place: each for place, each in enumerate(said) if each})]
        return super().send(batch)


@pytest.mark.parametrize("shape", ["single", "array"])
@pytest.mark.parametrize("batch_events", [1, 3, 9, 100])
def test_a_receiver_that_refuses_everything_does_not_empty_the_log(serve, shape, batch_events):
    server, desk = serve(refused), Desk()
    destination = HttpDestination(HttpOptions(shape=shape, batch_events=batch_events), ORIGIN, client_of(server))
    for _ in range(3):
        with pytest.raises(StopError, match="in a row"):
            desk.ship(destination, [events(50)])
        assert len(desk.letters) <= MOST
    server.app = lambda request: (200, {}, {})
    desk.ship(destination, [events(50)])
    assert desk.offset.counts == ShipCounts(delivered=50 - len(desk.letters), dead_lettered=len(desk.letters))
    assert (desk.offset.refused_in_a_row, desk.offset.refused_alike) == (0, "")


@pytest.mark.parametrize("size", [11, 100, 1000])
def test_a_receiver_that_refuses_everything_is_not_asked_for_each_event(serve, size):
    server, desk = serve(refused), Desk()
    destination = HttpDestination(HttpOptions(shape="array", batch_events=1000), ORIGIN, client_of(server))
    for run in range(1, 4):
        with pytest.raises(StopError, match="in a row.*unknown field"):
            desk.ship(destination, [events(size)])
        assert (desk.letters, desk.offset.segment, desk.offset.index) == ({}, 1, 0)
        assert len(server.requests) <= run * 50
    server.app = lambda request: (200, {}, {})
    desk.ship(destination, [events(size)])
    assert desk.offset.counts == ShipCounts(delivered=size)


@pytest.mark.parametrize("good", [{99}, {50, 99}, {11, 49, 99}, set(range(10, 100)), set(range(40, 100, 3))])
def test_a_good_event_behind_many_bad_ones_is_found(good):
    desk = Desk()
    desk.ship(
        Judging(reason=lambda name: None if int(name) in good else "", limits=Limits(100, 10**6, 1000)), [events(100)]
    )
    assert desk.offset.counts == ShipCounts(delivered=len(good), dead_lettered=100 - len(good))


def test_small_runs_are_counted_together(serve):
    desk, segments = Desk(), []
    destination = HttpDestination(HttpOptions(), ORIGIN, client_of(serve(refused)))
    for run in range(3):
        segments.append(events(4, first=4 * run))
        if run < 2:
            desk.ship(destination, segments)
    with pytest.raises(StopError, match="every one of 12"):
        desk.ship(destination, segments)
    assert (len(desk.letters), desk.offset.segment, desk.offset.refused_in_a_row) == (8, 3, 8)


def test_one_that_is_taken_in_between_begins_anew():
    desk = Desk()
    bad = {str(number) for number in range(40) if number % 10 != MOST}
    desk.ship(Judging(reason=lambda name: "" if name in bad else None), [events(40)])
    assert set(desk.letters) == bad


@pytest.mark.parametrize("place", [0, 14, 29])
def test_a_poison_event_alone_passes_wherever_it_stands(place):
    desk = Desk()
    desk.ship(Judging(reason=lambda name: "" if name == str(place) else None), [events(30)])
    assert (list(desk.letters), desk.offset.counts.delivered) == ([str(place)], 29)


@pytest.mark.parametrize("reason", ["", "no such field"])
def test_many_bad_events_pass_where_their_batch_holds_a_good_one_behind_them(reason):
    desk = Desk()
    destination = Judging(reason=lambda name: reason if int(name) < 12 else None, limits=Limits(20, 100_000, 1000))
    desk.ship(destination, [events(30)])
    assert (len(desk.letters), desk.offset.counts.delivered) == (12, 18)


def test_the_last_of_the_log_are_held_until_something_behind_them_is_taken():
    desk = Desk()
    destination = Judging(reason=lambda name: "" if 5 <= int(name) < 17 else None, limits=Limits(20, 100_000, 1000))
    with pytest.raises(StopError, match="every one of 12"):
        desk.ship(destination, [events(17)])
    assert ((desk.offset.segment, desk.offset.index), desk.offset.counts.delivered, desk.letters) == ((1, 5), 5, {})
    desk.ship(destination, [events(17), events(3, first=17)])
    assert (len(desk.letters), desk.offset.counts.delivered) == (12, 8)


def test_what_is_refused_for_one_reason_again_and_again_is_not_the_events_fault():
    desk = Desk()
    with pytest.raises(StopError, match="expected 'records'"):
        desk.ship(Judging(reason=lambda name: f"event {name}: expected 'records'"), [events(30)])
    assert len(desk.letters) <= MOST


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_reason_that_quotes_each_event_is_one_reason(quote):
    def reason(name):
        document, value = (f"{quote}{letters * int(name)}{quote}" for letters in ("a", "it's "))
        return (
            f"document_parsing_exception: [1:{name}] failed to parse field [saas] of type [keyword] in document with "
            f"id {document}. Preview of field's value: {value}"
        )

    desk = Desk()
    with pytest.raises(StopError, match="in a row"):
        desk.ship(Judging(reason=reason), [events(30)])
    assert len(desk.letters) <= MOST


def test_what_is_refused_for_reasons_of_its_own_is():
    desk = Desk()
    desk.ship(Judging(reason=lambda name: f"no field {'x' * int(name)}"), [events(30)])
    assert len(desk.letters) == 30


def test_what_was_never_sent_does_not_count():
    desk = Desk()
    destination = Judging(
        reason=lambda name: "" if int(name) % 2 else None,
        limits=Limits(1, 100_000, 1000),
        encode=lambda each: b"x" * (1 if int(each.id) < 4 else 1001),
    )
    desk.ship(destination, [events(40)])
    assert desk.offset.counts == ShipCounts(delivered=2, dead_lettered=38)


def test_refusals_before_an_error_are_not_set_aside_either():
    desk = Desk()
    steps = [lambda batch: Verdict.SPLIT] * TOO_MANY_REFUSED

    def stop(batch):
        raise StopError("no")

    with pytest.raises(StopError):
        desk.ship(Listed(*steps, stop, limits=Limits(1, 100_000, 1000)), [events(20)])
    assert len(desk.letters) == MOST


def test_dead_letters_that_are_refused_again_stop_nothing():
    desk = Desk()
    desk.ship(Judging(reason=lambda name: ""), [events(30)], refused_before=True)
    assert len(desk.letters) == 30
