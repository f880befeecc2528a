"""CrowdStrike Falcon's streams: read to their present end, in runs that end, however a connection ends."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import AuditError, CredentialError, ProtocolError, RefusedError, UnavailableError
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.sources import REGISTRY
from tests.core.destinations.stand_ins import Crash
from tests.core.sources.vendors.falcon import FEED, Falcon
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

SPEC = REGISTRY["crowdstrike_falcon"]
QUICK = replace(SPEC, reading=replace(SPEC.reading, quiet=timedelta(seconds=0.4)))


@pytest.fixture
def falcon():
    with Falcon() as service:
        yield service


@pytest.fixture
def desk(falcon, monkeypatch):
    return desk_of(falcon, monkeypatch)


def desk_of(falcon, monkeypatch, spec=QUICK, secret="secret-1"):
    return VendorDesk("", falcon, {"login": "id", "password": secret}, monkeypatch, spec=spec)


def minutes(number):
    return timedelta(minutes=number)


def raws(desk):
    return sorted(bytes(event.raw) for event in desk.events())


def test_a_stream_is_read_on_from_the_last_offset(falcon, desk):
    for number in range(30):
        falcon.add(NOW - minutes(30 - number))
    assert desk.run().complete
    falcon.add(NOW)
    desk.now += minutes(5)
    assert desk.run().complete
    assert raws(desk) == falcon.all()
    assert falcon.opened == [("0", 0), ("0", 29)]
    assert desk.gaps == []


def test_an_event_that_comes_again_at_its_offset_is_known(falcon, desk):
    falcon.inclusive = True
    for number in range(5):
        falcon.add(NOW - minutes(9 - number))
        desk.run()
    assert raws(desk) == falcon.all()
    assert desk.gaps == []


def test_streams_with_equal_offsets_have_places_of_their_own(falcon, desk):
    for partition in ("0", "1"):
        falcon.lines.setdefault(partition, [])
        for number in range(4):
            falcon.add(NOW - minutes(9 - number), partition)
    desk.run()
    falcon.add(NOW - minutes(1), "1")
    desk.run()
    assert raws(desk) == falcon.all()
    assert falcon.opened[2:] == [("0", 3), ("1", 3)]
    assert desk.gaps == []


@pytest.mark.parametrize("commits", range(4))
def test_a_run_that_is_killed_loses_and_doubles_nothing(falcon, desk, commits):
    for number in range(20):
        falcon.add(NOW - minutes(30 - number))
    falcon.lines["1"] = []
    falcon.add(NOW, "1")
    with contextlib.suppress(Crash):
        desk.run(commits=commits)
    desk.run()
    assert raws(desk) == falcon.all()


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_a_connection_that_is_cut_keeps_whole_lines_and_is_no_end(falcon, desk, lines):
    for number in range(10):
        falcon.add(NOW - minutes(30 - number))
    falcon.cut_after = lines
    with pytest.raises(UnavailableError):
        desk.run()
    assert not desk.position.complete
    assert len(desk.events()) == lines
    falcon.cut_after = None
    assert desk.run().complete
    assert raws(desk) == falcon.all()
    assert falcon.opened[-1] == ("0", max(lines - 1, 0))


@pytest.mark.parametrize("tail", [b"\r\n", b"\n\n\n", b""])
def test_an_answer_that_the_service_ends_is_read_to_its_last_line(falcon, desk, tail):
    falcon.ends, falcon.tail = True, tail
    for number in range(3):
        falcon.add(NOW - minutes(3 - number))
    assert desk.run().complete
    assert raws(desk) == falcon.all()


def test_half_a_line_is_waited_for_until_it_is_whole(falcon, desk):
    falcon.tail = b""
    falcon.add(NOW - minutes(3))
    falcon.add(NOW - minutes(2))
    desk.run()
    assert len(desk.events()) == 1
    falcon.tail = b"\n"
    desk.run()
    assert raws(desk) == falcon.all()


def test_events_that_are_no_longer_kept_are_a_gap(falcon, desk):
    falcon.add(NOW - minutes(60))
    desk.run()
    for number in range(5):
        falcon.add(NOW - minutes(50 - number))
    falcon.kept_from["0"] = 4
    desk.run()
    (gap,) = desk.gaps
    assert (gap.wanted, gap.possible, gap.kind) == (NOW - minutes(60), NOW - minutes(48), "retention")
    assert len(desk.events()) == 4


def test_holes_between_offsets_are_no_gap_where_they_are_usual(falcon, monkeypatch):
    spec = replace(QUICK, reading=replace(QUICK.reading, consecutive=False))
    desk = desk_of(falcon, monkeypatch, spec)
    falcon.add(NOW - minutes(60), offset=10)
    desk.run()
    falcon.add(NOW - minutes(5), offset=20)
    desk.run()
    assert raws(desk) == falcon.all()
    assert desk.gaps == []


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [1, 4, 5, 9])
def test_a_stream_that_begins_its_offsets_again_is_read_from_its_oldest_event(falcon, desk, fresh):
    """Whether its new offsets have passed the old one or not, and beside another stream that is busy."""
    for number in range(5):
        falcon.add(NOW - minutes(30 - number))
    falcon.add(NOW - minutes(20), "1")
    desk.run()
    before = falcon.lines["0"]
    falcon.lines["0"] = []
    for number in range(fresh):
        falcon.add(NOW - minutes(12 - number))
    falcon.add(NOW - minutes(2), "1")
    assert desk.run().complete
    falcon.add(NOW - minutes(1))
    desk.run()
    assert raws(desk) == sorted([line for _, line in before] + falcon.all())
    assert desk.gaps == []


def test_a_stream_that_began_its_offsets_again_and_is_empty_yet_keeps_its_place(falcon, desk):
    falcon.add(NOW - minutes(30))
    desk.run()
    before = falcon.all()
    falcon.lines["0"] = []
    assert desk.run().complete
    falcon.add(NOW - minutes(3), UserId="other@example.com")
    desk.run()
    assert raws(desk) == sorted(before + falcon.all())


def test_a_stream_that_is_listed_no_more_is_a_gap_and_is_read_on_when_it_comes_back(falcon, desk):
    falcon.add(NOW - minutes(30))
    falcon.add(NOW - minutes(20), "1")
    desk.run()
    gone = falcon.lines.pop("1")
    falcon.add(NOW - minutes(3))
    for _ in range(2):
        desk.run()
    (gap,) = desk.gaps
    assert (gap.wanted, gap.possible, gap.kind) == (NOW - minutes(20), NOW, "retention")
    assert "no longer lists the feed" in gap.reason
    falcon.lines["1"] = gone
    falcon.add(NOW - minutes(2), "1")
    desk.run()
    assert raws(desk) == falcon.all()
    assert len(desk.gaps) == 1


def test_a_connection_is_read_for_a_time_and_then_opened_anew(falcon, monkeypatch):
    spec = replace(QUICK, reading=replace(QUICK.reading, longest=timedelta(0)))
    desk = desk_of(falcon, monkeypatch, spec)
    falcon.add(NOW - minutes(3))
    desk.run(deadline=NOW)
    assert not desk.position.complete
    assert desk.events() == []


def test_a_line_that_cannot_be_read_is_set_aside_and_the_rest_is_read(falcon, desk):
    falcon.add(NOW - minutes(9))
    falcon.lines["0"].append((2, b'{"metadata":{"offset":2,'))
    falcon.add(NOW - minutes(7), offset=3)
    desk.run()
    assert len(desk.events()) == 2
    assert desk.position.counts.set_aside == 1


def test_what_a_record_says_is_found(falcon, desk):
    falcon.add(NOW - minutes(9))
    desk.run()
    (event,) = desk.events()
    assert (event.id, event.time) == ("c1/1", NOW - minutes(9))
    found = FieldReader(SPEC.fields, ("action", "actor_id", "ip")).read(event.raw)
    assert found == {"action": "userAuthenticate", "actor_id": "zoë@example.com", "ip": "203.0.113.9"}


def test_no_stream_is_an_error_that_says_why(falcon, desk):
    falcon.busy = True
    with pytest.raises(ProtocolError, match="no other reader"):
        desk.run()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialError),
        (403, CredentialError),
        (429, UnavailableError),
        (500, UnavailableError),
        (410, RefusedError),
        (302, RefusedError),
    ],
)
def test_a_stream_that_is_refused_moves_nothing(falcon, desk, status, error):
    falcon.add(NOW - minutes(9))
    falcon.status = status
    with pytest.raises(error) as raised:
        desk.run()
    assert "feed-" not in str(raised.value)
    falcon.status = 200
    desk.run()
    assert raws(desk) == falcon.all()


def test_a_wrong_secret_says_what_is_needed(falcon, monkeypatch):
    desk = desk_of(falcon, monkeypatch, secret="secret-2")
    with pytest.raises(AuditError) as raised:
        desk.run()
    works, said = desk.hook().test_connection()
    assert not works
    assert "secret-2" not in f"{raised.value}{said}"


def test_the_test_button_opens_no_stream(falcon, desk):
    works, said = desk.hook().test_connection()
    assert works, said
    assert falcon.opened == []


def test_the_stream_gets_its_own_token_and_no_other(falcon, desk):
    """The stand-in refuses any other; the host may be another one than the API's."""
    falcon.add(NOW - minutes(9))
    desk.run()
    assert len(desk.events()) == 1
    assert json.loads(bytes(desk.events()[0].raw))["metadata"]["offset"] == 1
    assert FEED in "".join(desk.pages.files.base_url + FEED)


def test_a_web_page_in_place_of_a_stream_is_no_stream(falcon, desk):
    falcon.add(NOW - minutes(9))
    falcon.page = b"<html><title>Please sign in</title>\n<p>\n</html>"
    with pytest.raises(ProtocolError, match="Please sign in"):
        desk.run()
    falcon.page = None
    desk.run()
    assert raws(desk) == falcon.all()
    assert desk.position.counts.set_aside == 0


def test_an_error_in_a_stream_is_no_event_and_what_came_before_it_is_kept(falcon, desk):
    falcon.add(NOW - minutes(9))
    falcon.lines["0"].append((2, b'{"errors":[{"code":401,"message":"session expired"}]}'))
    with pytest.raises(AuditError, match="session expired"):
        desk.run()
    assert len(desk.events()) == 1
    falcon.lines["0"].pop()
    falcon.add(NOW - minutes(7))
    desk.run()
    assert raws(desk) == falcon.all()


def test_a_list_of_streams_with_an_error_beside_them_may_lack_some(falcon, desk):
    falcon.add(NOW - minutes(9))
    falcon.errors = [{"code": 500, "message": "partition 1 is not available"}]
    with pytest.raises(AuditError, match="not available"):
        desk.run()
    falcon.errors = []
    desk.run()
    assert raws(desk) == falcon.all()
    assert desk.gaps == []
