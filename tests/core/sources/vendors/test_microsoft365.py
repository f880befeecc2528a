"""Microsoft 365: subscriptions, lists of files, files that are listed late, hold old events, or are gone."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import AuditError, CredentialError, ProtocolError, UnavailableError
from audit_provider.core.model import Window
from audit_provider.sandbox.microsoft365 import Microsoft365Service
from audit_provider.sandbox.server import Reply
from tests.core.destinations.stand_ins import Crash
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

KINDS = ("Audit.Exchange", "Audit.General")
HOUR = timedelta(hours=1)


@pytest.fixture
def desk(monkeypatch):
    with Microsoft365Service(page_size=2) as service:
        connection = {
            "login": service.client_id,
            "password": service.client_secret,
            "extra": {"tenant": service.tenant, "token_url": f"{service.url}{service.token_path}"},
        }
        made = VendorDesk("microsoft365", service, connection, monkeypatch, {"content_types": ",".join(KINDS)})
        service.now = lambda: made.now
        yield made
        assert service.refused == []


def fill(service, hours=20, kinds=KINDS):
    for kind in kinds:
        for hour in range(hours):
            created = NOW - hour * HOUR - timedelta(minutes=1)
            service.add(
                kind, created, [service.event(created - minutes * timedelta(minutes=7)) for minutes in range(3)]
            )


def test_every_file_of_every_kind_is_read_once(desk):
    fill(desk.service)
    assert desk.run().complete
    assert desk.ids() == sorted(desk.service.ids())
    assert len(desk.ids()) == 120
    fetched = sum("/audit/" in each.path for each in desk.service.seen)
    assert fetched == 40
    desk.now += timedelta(minutes=5)
    desk.service.add(KINDS[0], desk.now - timedelta(minutes=1), [desk.service.event(desk.now - HOUR)])
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert sum("/audit/" in each.path for each in desk.service.seen) == fetched + 1
    assert desk.gaps == []


def test_a_subscription_is_started_and_one_that_somebody_stopped_is_started_again(desk):
    desk.run()
    assert sorted(desk.service.started) == sorted(KINDS)
    assert desk.gaps == []
    desk.service.started.remove(KINDS[1])
    desk.now += 5 * HOUR
    desk.run()
    assert sorted(desk.service.started) == sorted(KINDS)
    (gap,) = desk.gaps
    assert (gap.wanted, gap.possible, gap.kind) == (NOW, NOW + 5 * HOUR, "retention")
    desk.now += HOUR
    desk.run()
    assert len(desk.gaps) == len(desk.position.gaps) == 1


def test_what_a_stopped_subscription_missed_is_kept_although_the_next_request_fails(desk):
    desk.settings = {"content_types": KINDS[0]}
    desk.run()
    desk.service.started.clear()
    desk.now += HOUR
    path = f"/api/v1.0/{desk.service.tenant}/activity/feed/subscriptions/content"
    desk.service.faults.add("status", path=path, status=400, body="{}")
    with pytest.raises(AuditError):
        desk.run()
    assert [(gap.wanted, gap.possible) for gap in desk.position.gaps] == [(NOW, NOW + HOUR)]
    desk.run()
    assert len(desk.gaps) == 1


def test_a_web_page_in_place_of_an_answer_has_started_nothing(desk):
    desk.service.faults.add("html", method="POST", path="/api", count=1)
    with pytest.raises(AuditError, match="web page|JSON"):
        desk.run()
    assert KINDS[0] not in desk.service.started
    desk.run()
    assert sorted(desk.service.started) == sorted(KINDS)


def test_a_file_that_is_listed_a_day_after_it_was_made_is_read(desk):
    made = NOW - 2 * HOUR
    desk.service.add(KINDS[0], made, [desk.service.event(made - 5 * HOUR)], listed=made + timedelta(hours=30))
    desk.run()
    assert desk.ids() == []
    for _ in range(32):
        desk.now += HOUR
        desk.run()
    assert desk.ids() == desk.service.ids()
    assert desk.gaps == []


def test_an_event_in_two_files_is_one_event(desk):
    twice = desk.service.event(NOW - 9 * HOUR)
    desk.service.add(KINDS[0], NOW - 3 * HOUR, [twice])
    desk.service.add(KINDS[0], NOW - 2 * HOUR, [desk.service.event(NOW - 4 * HOUR), twice])
    desk.run()
    desk.now += HOUR
    desk.service.add(KINDS[1], NOW, [twice])
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert desk.position.counts.duplicates == 2


def test_a_file_that_has_expired_is_a_gap_and_the_others_are_read(desk):
    fill(desk.service, 5)
    lost = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)], expires=NOW - HOUR)
    assert desk.run().complete
    assert set(desk.service.ids()) - set(desk.ids()) == {lost.events[0]["Id"]}
    (gap,) = desk.gaps
    assert gap.kind == "retention"
    assert gap.wanted < NOW - 4 * HOUR < gap.possible
    assert desk.position.gaps
    desk.now += timedelta(minutes=5)
    desk.run()
    assert len(desk.gaps) == 1, "it is reported once"


def test_a_file_that_is_refused_before_it_expires_is_asked_for_again(desk):
    blob = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)])
    events = desk.service.blobs.pop(blob.id)
    desk.service.blobs[blob.id] = events
    path = f"/api/v1.0/{desk.service.tenant}/activity/feed/audit/{blob.id}"
    desk.service.faults.add("status", path=path, status=404, body="{}")
    with pytest.raises(UnavailableError):
        desk.run()
    assert desk.gaps == []
    desk.now += timedelta(minutes=5)
    desk.run()
    assert desk.ids() == desk.service.ids()


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_is_refused_is_no_file_that_has_expired(desk, status):
    lost = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)], expires=NOW - HOUR)
    path = f"/api/v1.0/{desk.service.tenant}/activity/feed/audit/{lost.id}"
    desk.service.faults.add("status", path=path, status=status, body="{}", count=100)
    with pytest.raises(CredentialError, match=f"{status} instead of the file.*ActivityFeed.Read"):
        desk.run()
    assert desk.gaps == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_not_found_after_it_has_expired_is_a_gap(desk, status):
    lost = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)], expires=NOW - HOUR)
    path = f"/api/v1.0/{desk.service.tenant}/activity/feed/audit/{lost.id}"
    desk.service.faults.add("status", path=path, status=status, body="{}", count=100)
    assert desk.run().complete
    assert [gap.kind for gap in desk.gaps] == ["retention"]


def broken(desk, blob, status=404):
    path = f"/api/v1.0/{desk.service.tenant}/activity/feed/audit/{blob.id}"
    desk.service.faults.add("status", path=path, status=status, body="{}", count=10**6)


def test_a_file_that_cannot_be_read_does_not_keep_others_from_being_read_for_days(desk):
    desk.run()
    bad = desk.service.add(KINDS[0], NOW + HOUR, [desk.service.event(NOW)])
    broken(desk, bad)
    others = []
    for _ in range(12):
        desk.now += 4 * HOUR
        blob = desk.service.add(KINDS[0], desk.now - HOUR, [desk.service.event(desk.now - 2 * HOUR)])
        others.append(blob.events[0]["Id"])
        with pytest.raises(UnavailableError):
            desk.run()
        assert desk.ids() == others
        assert desk.position.watermark <= NOW, "what was to be read before the file is not known to be whole"
    fetched = sum("/audit/" in each.path and bad.id not in each.path for each in desk.service.seen)
    assert fetched == 12, "each of them once"
    desk.service.faults.clear()
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert desk.position.watermark > NOW + 40 * HOUR
    assert desk.gaps == []


def test_a_file_that_fails_until_it_is_listed_no_more_is_a_gap(desk):
    desk.run()
    desk.now += HOUR
    bad = desk.service.add(KINDS[0], NOW - 2 * HOUR, [desk.service.event(NOW - 3 * HOUR)], listed=NOW + HOUR)
    broken(desk, bad)
    with pytest.raises(UnavailableError):
        desk.run()
    desk.now += timedelta(days=6)
    with pytest.raises(UnavailableError):
        desk.run()
    assert desk.gaps == []
    desk.now = NOW - 2 * HOUR + timedelta(days=7)
    desk.run()
    (gap,) = [each for each in desk.gaps if each.kind == "retention"]
    assert (gap.wanted, gap.possible) == (NOW - 26 * HOUR, NOW - 2 * HOUR)
    desk.now += HOUR
    assert desk.run().complete
    assert len([each for each in desk.gaps if each.kind == "retention"]) == 1, "it is reported once"
    assert any(each.kind == "retention" for each in desk.position.gaps)


def test_an_outage_of_more_than_a_week_is_a_gap_with_both_times(desk):
    desk.run()
    desk.now += timedelta(days=9)
    lost = desk.service.add(KINDS[0], NOW + HOUR, [desk.service.event(NOW)])
    kept = desk.service.add(KINDS[0], NOW + timedelta(days=5), [desk.service.event(NOW + timedelta(days=5))])
    desk.run()
    assert lost.events[0]["Id"] not in desk.ids()
    assert kept.events[0]["Id"] in desk.ids()
    assert {gap.kind for gap in desk.gaps} == {"look_back"}
    assert desk.gaps[0].wanted <= NOW
    assert desk.gaps[0].possible > NOW + timedelta(days=2)


def test_a_list_of_more_than_a_day_is_asked_for_in_parts(desk):
    desk.now += timedelta(microseconds=123_456)
    fill(desk.service, 95)
    desk.run(start=NOW - timedelta(days=4))
    assert desk.ids() == sorted(desk.service.ids())


@pytest.mark.parametrize("commits", range(0, 14, 2))
def test_a_run_that_is_killed_anywhere_loses_nothing_and_repeats_nothing(desk, commits):
    fill(desk.service, 6)
    with pytest.raises(Crash):
        desk.run(commits=commits)
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())


def test_the_state_stays_small_with_thousands_of_files(desk):
    for number in range(1, 401):
        desk.service.add(KINDS[0], NOW - number * timedelta(minutes=2), [])
    desk.run()
    (state,) = [each for each in desk.position.reading["logs"].values() if each["done"]]
    assert len(state["done"]) == 400
    assert max(map(len, state["done"])) <= 40


def test_a_window_of_the_past_takes_files_that_were_made_a_day_later(desk):
    desk.service.add(
        KINDS[0], NOW - 30 * HOUR, [desk.service.event(NOW - 50 * HOUR), desk.service.event(NOW - 31 * HOUR)]
    )
    desk.run(within=Window(NOW - 52 * HOUR, NOW - 48 * HOUR))
    assert desk.ids() == desk.service.ids()[:1]


def test_the_test_button_says_whether_the_application_is_accepted(desk, monkeypatch):
    works, said = desk.hook().test_connection()
    assert works, said
    extra = {"tenant": desk.service.tenant, "token_url": f"{desk.service.url}{desk.service.token_path}"}
    wrong = VendorDesk("microsoft365", desk.service, {"login": "x", "password": "y", "extra": extra}, monkeypatch)
    with pytest.raises(CredentialError, match="client id and secret"):
        wrong.run()


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)], ids=["none", "lines", "mark", "gzip"]
)
def test_a_file_without_content_is_asked_for_again_until_it_has_some(desk, content):
    blob = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)])
    whole = desk.service._blob
    desk.service._blob = lambda name: Reply(200, content) if name == blob.id else whole(name)
    desk.service.add(KINDS[0], NOW - 2 * HOUR, [desk.service.event(NOW - 3 * HOUR)])
    with pytest.raises(ProtocolError, match="without content"):
        desk.run()
    assert len(desk.ids()) == 1, "the other file is read"
    desk.service._blob = whole
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert desk.gaps == []


def test_a_file_with_an_empty_list_has_no_events(desk):
    desk.service.add(KINDS[0], NOW - 3 * HOUR, [])
    assert desk.run().complete


def test_two_files_of_one_list_with_one_id_are_both_read(desk):
    for hour in (3, 2):
        desk.service.add(KINDS[0], NOW - hour * HOUR, [desk.service.event(NOW - (hour + 1) * HOUR)])
    whole = desk.service._list

    def listed(*asked):
        reply = whole(*asked)
        return Reply.json(200, [{**each, "contentId": "one"} for each in json.loads(reply.body)])

    desk.service._list = listed
    desk.run()
    desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert desk.position.counts.spooled == 2


@pytest.mark.parametrize("order", [reversed, lambda rows: rows[-1:]], ids=["listed first", "listed alone"])
def test_a_later_file_with_a_known_id_is_read(desk, order):
    whole = desk.service._list

    def listed(*asked):
        rows = [{**each, "contentId": "one"} for each in json.loads(whole(*asked).body)]
        return Reply.json(200, [*order(rows)])

    desk.service._list = listed
    desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)])
    desk.run()
    desk.service.add(KINDS[0], NOW - HOUR, [desk.service.event(NOW - 2 * HOUR)])
    for _ in range(2):
        desk.now += timedelta(minutes=5)
        desk.run()
    assert desk.ids() == sorted(desk.service.ids())
    assert desk.position.counts.spooled == 2


def test_a_file_that_an_earlier_version_kept_by_its_id_is_not_read_again(desk):
    blob = desk.service.add(KINDS[0], NOW - 3 * HOUR, [desk.service.event(NOW - 4 * HOUR)])
    desk.run()
    logs = desk.position.reading["logs"]
    (log,) = [each for each in logs if logs[each]["done"]]
    kept = hashlib.sha256(blob.id.encode()).hexdigest()[:24]  # as of every id of more than 40 characters
    by_id = {**logs[log], "done": dict.fromkeys([kept], *logs[log]["done"].values())}
    desk.position = replace(desk.position, reading={**desk.position.reading, "logs": {**logs, log: by_id}})
    asked = []
    whole = desk.service._blob
    desk.service._blob = lambda name: asked.append(name) or whole(name)
    desk.service.add(KINDS[0], NOW - HOUR, [desk.service.event(NOW - 2 * HOUR)])
    for _ in range(2):
        desk.now += timedelta(minutes=20)
        desk.run()
    assert len(asked) == 1
    assert blob.id not in asked
    assert desk.ids() == sorted(desk.service.ids())


def test_an_error_with_the_status_of_a_success_has_started_nothing(desk):
    error = {"error": {"code": "AF50000", "message": "An internal error occurred."}}
    desk.service.faults.add("status", method="POST", path="/api", status=200, body=json.dumps(error), count=1)
    with pytest.raises(AuditError, match="internal error"):
        desk.run()
    desk.run()
    assert sorted(desk.service.started) == sorted(KINDS)
    assert desk.gaps == [], "nothing had been stopped"
