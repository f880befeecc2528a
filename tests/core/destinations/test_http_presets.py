"""Every preset against a receiver that refuses, and loses, what the real one refuses and loses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.errors import ConfigurationError, MaybeStoredError, ProtocolError, StopError
from audit_provider.core.formats import Raw
from audit_provider.core.model import UTC
from audit_provider.core.text.templates import filled
from audit_provider.sandbox.http_receiver import HttpReceiverService
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, client_of, event

PARENT = "projects/1/locations/eu/instances/i/logTypes/SLACK_AUDIT"
SETTINGS = {"google_secops": {"parent": PARENT}}


def settings_of(name):
    return SETTINGS.get(name) or dict.fromkeys(PRESETS[name].needs, "x") or None


def path_of(name):
    """Return the path of the preset, or one of ours if it has none."""
    return str(filled(PRESETS[name].path, settings_of(name) or {})) or "/in"


def receiver(name, **options):
    return HttpReceiverService(name, path=path_of(name), now=lambda: NOW, **options)


def preset(name, service, form=None, **options):
    options = {"preset": name, "settings": settings_of(name), **options}
    if not PRESETS[name].path:
        options["path"] = "/in"
    return HttpDestination(HttpOptions(**options), ORIGIN, client_of(service), form=form)


def answering(name, serve, answer):
    return preset(name, serve(lambda request: answer))


def send(destination, names):
    return destination.send(batch_of(destination, names))


@pytest.fixture(params=sorted(PRESETS))
def name(request):
    return request.param


def test_events_arrive_with_their_ids(name):
    with receiver(name) as service:
        desk = Desk()
        desk.ship(preset(name, service), [[event(each) for each in "abc"], [event("d")]])
        assert service.ids() == list("abcd")
        assert desk.offset.counts.delivered == 4


def test_the_vendors_record_is_in_it_as_it_came(name):
    with receiver(name) as service:
        destination = preset(name, service, form=Raw(ORIGIN))
        desk = Desk()
        desk.ship(destination, [[event("a", text='"\\ \u2028 é')]])
        ((_, stored),) = service.stored
        assert event("a", text='"\\ \u2028 é').raw in _bytes_in(stored)


def _bytes_in(stored):
    """Return every text and object of what is stored, one after another, as they would be written."""
    if isinstance(stored, (list, tuple)):
        return b"\n".join(_bytes_in(each) for each in stored)
    if isinstance(stored, dict):
        inner = b"\n".join(_bytes_in(each) for each in stored.values())
        return json.dumps(stored, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" + inner
    return str(stored).encode()


def test_a_url_that_has_the_path_already_is_left_alone(name):
    with receiver(name) as service:
        whole = SimpleNamespace(url=service.url + service.path)
        options = HttpOptions(preset=name, settings=settings_of(name))
        Desk().ship(HttpDestination(options, ORIGIN, client_of(whole)), [[event("a")]])
        assert service.ids() == ["a"]


def test_a_poison_event_is_found(name):
    if name == "otlp":
        pytest.skip("a partial success is no fault of the whole body")
    with receiver(name, reject="c") as service:
        desk = Desk()
        desk.ship(preset(name, service), [[event(each) for each in "abcde"]])
        assert service.ids() == list("abde")
        assert list(desk.letters) == ["c"]


def test_no_2xx_but_its_own_is_delivered(name, serve):
    others = {200, 201, 202, 203, 204, 205, 206} - PRESETS[name].accepted
    assert others
    for status in others:
        with pytest.raises(ProtocolError):
            send(answering(name, serve, (status, {}, {})), "ab")


def test_every_preset_says_where_it_is_from(name):
    assert PRESETS[name].page.startswith("https://")
    assert PRESETS[name].title


def test_sumo_logic_reads_the_time_first():
    with receiver("sumo_logic") as service:
        encoded = preset("sumo_logic", service).encode(event("a"), restamp=False)
    assert encoded.startswith(b'{"time":"2026-03-01T12:00:00.000000Z","event_id":"a","event":{')


def test_sumo_logic_over_budget_looks_like_delivered_and_the_preset_says_so():
    with receiver("sumo_logic", budget=2) as service:
        desk = Desk()
        desk.ship(preset("sumo_logic", service), [[event(each) for each in "abc"]])
        assert (service.ids(), service.dropped) == (["a", "b"], 1)
        assert desk.offset.counts.delivered == 3
    assert "budget" in PRESETS["sumo_logic"].unseen


@pytest.mark.parametrize(("name", "hours"), [("new_relic", 48), ("loki", 1)])
def test_old_events_are_restamped_or_set_aside_and_never_lost(name, hours):
    old = event("old", time=NOW - timedelta(hours=hours, minutes=1))
    with receiver(name) as service:
        stamped, aside = Desk(), Desk()
        stamped.ship(preset(name, service), [[event("a"), old]])
        assert sorted(service.ids()) == ["a", "old"]
        assert (stamped.offset.counts.restamped, stamped.letters) == (1, {})
        aside.ship(preset(name, service), [[old]], too_old="dead_letter")
        assert aside.offset.counts.too_old == 1


def test_a_restamped_event_keeps_its_own_time_beside():
    with receiver("loki") as service:
        encoded = json.loads(preset("loki", service).encode(event("a", time=NOW - timedelta(days=9)), restamp=True))
    assert int(encoded[0]) == int(NOW.timestamp()) * 10**9
    assert encoded[2] == {"event_id": "a", "event_time": "2026-02-20T12:00:00.000000Z"}


def test_loki_takes_a_past_beside_what_is_new_and_a_page_that_is_newest_first():
    past = [event(n, time=NOW - timedelta(hours=5) + timedelta(minutes=n)) for n in range(50)]
    page = [event(f"n{n}", time=NOW - timedelta(minutes=10 * n)) for n in range(15)]
    with receiver("loki") as service:
        desk = Desk()
        desk.ship(preset("loki", service), [[event("live", time=NOW + timedelta(minutes=5))], past, page])
        assert sorted(service.ids()) == sorted(["live", *(each.id for each in past + page)])
        assert (desk.letters, desk.offset.counts.restamped) == ({}, 60)


def test_loki_is_exact_to_the_microsecond():
    with receiver("loki") as service:
        encoded = preset("loki", service).encode(event("a", time=NOW.replace(microsecond=123457)), restamp=False)
    assert json.loads(encoded)[0].endswith("123457000")


def test_loki_blocked_is_a_configuration_error_and_keeps_everything():
    with receiver("loki", blocked=True) as service:
        desk = Desk()
        with pytest.raises(ConfigurationError, match="260.*blocked"):
            desk.ship(preset("loki", service), [[event("a")]])
        assert (desk.commits, desk.letters) == ([], {})


def test_loki_that_took_a_part_of_a_batch_holds_nothing_twice():
    late = event("new", time=NOW + timedelta(hours=1))
    with receiver("loki") as service:
        desk = Desk()
        desk.ship(preset("loki", service), [[event("a"), event("b"), late, event("c")]])
        assert sorted(service.ids()) == ["a", "b", "c"]
        assert service.repeats > 0
        assert list(desk.letters) == ["new"]
        assert "too new" in desk.letters["new"].reason


def test_loki_lines_that_would_be_discarded_are_set_aside():
    with receiver("loki") as service:
        desk = Desk()
        desk.ship(preset("loki", service), [[event("a"), event("long", pad="x" * 260_000)]])
        assert service.ids() == ["a"]
        assert "256,000" in desk.letters["long"].reason


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"team.name": "a"}, "'team.name'"), ({f"l{n}": "x" for n in range(14)}, "15 labels")],
)
def test_labels_that_loki_would_refuse_are_named(settings, said):
    with receiver("loki") as service, pytest.raises(ConfigurationError, match=said):
        preset("loki", service, settings=settings)


def test_labels_are_few_and_ids_are_none():
    with receiver("loki") as service:
        Desk().ship(preset("loki", service, settings={"team": "sec"}), [[event("a")]])
        ((_, (labels, _, _)),) = service.stored
        assert dict(labels) == {"source": "slack", "pipeline": "payroll", "team": "sec"}


def test_a_partial_success_of_otlp_is_a_refusal_and_is_never_sent_again():
    with receiver("otlp", reject="b") as service:
        desk = Desk()
        desk.ship(preset("otlp", service), [[event(each) for each in "abc"]])
        assert len(service.seen) == 1
        assert sorted(desk.letters) == list("abc"), "nobody says which, so each may be the one"
        assert "rejected 1 of 3" in desk.letters["a"].reason
        assert "2 are stored" in desk.letters["a"].reason
        assert desk.letters["a"].reason.startswith("possibly stored")


def test_a_partial_success_of_many_is_set_aside_too_since_most_of_them_are_stored():
    with receiver("otlp", reject="3") as service:
        desk = Desk()
        desk.ship(preset("otlp", service), [[event(each) for each in range(40)]])
        assert (len(service.seen), len(desk.letters)) == (1, 40)


def test_an_otlp_receiver_that_rejects_all_of_a_batch_sets_nothing_aside(serve):
    desk = Desk()
    answer = 200, {}, {"partialSuccess": {"rejectedLogRecords": "40", "errorMessage": "no"}}
    with pytest.raises(StopError, match="every one of 40"):
        desk.ship(answering("otlp", serve, answer), [[event(each) for each in range(40)]])
    assert (desk.commits, desk.letters) == ([], {})


def test_otlp_one_by_one_tells_which():
    with receiver("otlp", reject="b") as service:
        desk = Desk()
        desk.ship(preset("otlp", service, batch_events=1), [[event(each) for each in "abc"]])
        assert service.ids() == ["a", "c"]
        assert list(desk.letters) == ["b"]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ({}, Verdict.DELIVERED),
        (b"", Verdict.DELIVERED),
        ({"partialSuccess": None}, Verdict.DELIVERED),
        ({"partialSuccess": {"errorMessage": "a warning"}}, Verdict.DELIVERED),
        ({"partialSuccess": {"rejectedLogRecords": 0}}, Verdict.DELIVERED),
        ({"partialSuccess": {"rejectedLogRecords": "2"}}, Verdict.REFUSED),
        ({"partial_success": {"rejected_log_records": 2}}, Verdict.REFUSED),
    ],
)
def test_what_otlp_says_behind_a_200(serve, reply, verdict):
    assert set(send(answering("otlp", serve, (200, {}, reply)), "ab").verdicts) == {verdict}


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>login</html>",
        {"partialSuccess": "no"},
        {"partialSuccess": {"rejectedLogRecords": "x"}},
        [1],
        [],
        b"null",
        b"OK",
        {"code": 3, "message": "no such tenant"},
        {"error": "unavailable", "partialSuccess": {}},
    ],
)
def test_what_otlp_would_not_say_is_not_believed(serve, reply):
    with pytest.raises(ProtocolError):
        send(answering("otlp", serve, (200, {}, reply)), "ab")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507, 522])
def test_otlp_may_be_asked_again(serve, status):
    assert set(send(answering("otlp", serve, (status, {}, {})), "ab").verdicts) == {Verdict.RETRY}


@pytest.mark.parametrize("status", [501, 505])
def test_otlp_may_not_be_asked_again_and_everything_is_kept(serve, status):
    server, desk = serve(lambda request: (status, {}, {})), Desk()
    with pytest.raises(ProtocolError):
        desk.ship(preset("otlp", server), [[event("a")]])
    assert len(server.requests) == 1
    assert (desk.commits, desk.letters) == ([], {})


def test_logscale_would_cut_so_it_is_set_aside():
    with receiver("logscale") as service:
        desk = Desk()
        desk.ship(preset("logscale", service, settings={"index": "audit"}), [[event("long", pad="x" * 10**6)]])
        assert list(desk.letters) == ["long"]
        assert service.stored == []


def test_a_200_of_logscale_with_a_code_is_no_success(serve):
    with pytest.raises(ProtocolError, match="ingest token"):
        send(answering("logscale", serve, (200, {}, {"text": "no", "code": 7})), "a")


def test_new_relic_would_cut_so_it_is_set_aside():
    with receiver("new_relic") as service:
        desk = Desk()
        desk.ship(preset("new_relic", service), [[event("a"), event("long", pad="x" * 128_000)]])
        assert service.ids() == ["a"]
        assert list(desk.letters) == ["long"]


class Other:
    is_json = True

    def write(self, event):
        return b"{}"


@pytest.mark.parametrize("name", ["otlp", "logscale", "google_secops"])
@pytest.mark.parametrize("body", [b"", b"Please sign in"])
def test_a_web_page_of_a_proxy_is_no_success_even_without_a_body(serve, name, body):
    answer = (200, {"Content-Type": "text/html; charset=utf-8"}, body)
    with pytest.raises(ProtocolError, match=r"web page[\s\S]*kept"):
        send(answering(name, serve, answer), "a")


@pytest.mark.parametrize("body", [b"", {}])
def test_google_secops_says_nothing_of_a_success(serve, body):
    assert set(send(answering("google_secops", serve, (200, {}, body)), "ab").verdicts) == {Verdict.DELIVERED}


@pytest.mark.parametrize("body", [{"error": {"code": 7, "message": "no"}}, [], b"OK"])
def test_what_google_secops_would_not_say_is_not_believed(serve, body):
    with pytest.raises(MaybeStoredError):
        send(answering("google_secops", serve, (200, {"Content-Type": "text/plain"}, body)), "a")


@pytest.mark.parametrize("body", [b"", {}, {"text": "Success", "code": 0}])
def test_a_success_of_logscale(serve, body):
    assert set(send(answering("logscale", serve, (200, {}, body)), "ab").verdicts) == {Verdict.DELIVERED}


def test_a_text_is_no_success_of_logscale(serve):
    with pytest.raises(MaybeStoredError):
        send(answering("logscale", serve, (200, {"Content-Type": "text/plain"}, b"OK")), "a")


def test_google_secops_wants_the_vendors_record():
    with receiver("google_secops") as service, pytest.raises(ConfigurationError, match="format: raw"):
        preset("google_secops", service, form=Other())


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_of_otlp_is_one(serve, status):
    """Fluent Bit's input answers 201 by default."""
    assert set(send(answering("otlp", serve, (status, {}, b"")), "ab").verdicts) == {Verdict.DELIVERED}


def test_a_partial_success_of_otlp_is_one_behind_a_201_too(serve):
    answer = (201, {}, {"partialSuccess": {"rejectedLogRecords": 1}})
    assert set(send(answering("otlp", serve, answer), "ab").verdicts) == {Verdict.REFUSED}


@pytest.mark.parametrize(
    ("time", "nanoseconds"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 10**9),
        (datetime(2262, 4, 11, tzinfo=UTC), 9223286400 * 10**9),
        (datetime(2262, 4, 12, tzinfo=UTC), 0),
        (datetime(9999, 12, 31, tzinfo=UTC), 0),
    ],
)
def test_a_time_that_otlp_cannot_hold_is_unknown_and_stands_beside(serve, time, nanoseconds):
    destination = answering("otlp", serve, (200, {}, b""))
    record = json.loads(destination.encode(event("a", time=time), restamp=False))
    assert record["timeUnixNano"] == str(nanoseconds)
    beside = {each["key"]: each["value"]["stringValue"] for each in record["attributes"]}
    expected = {} if nanoseconds else {"event_time": f"{time:%Y-%m-%dT%H:%M:%S}.000000Z".rjust(27, "0")}
    assert beside == {"event.id": "a", **expected}


def test_a_time_that_loki_cannot_hold_gives_way_to_that_of_arrival(serve):
    destination = answering("loki", serve, (204, {}, b""))
    late = datetime(9999, 12, 31, tzinfo=UTC)
    time, _, known = json.loads(destination.encode(event("a", time=late), restamp=False))
    assert time == str(int(NOW.timestamp()) * 10**9)
    assert known["event_time"] == "9999-12-31T00:00:00.000000Z"


@pytest.mark.parametrize("answer", [(201, {}, {}), (200, {"Content-Type": "application/x-protobuf"}, b"\x0a\x00")])
def test_a_success_that_is_not_understood_is_not_sent_without_end(serve, answer):
    """Each run stands for one by a scheduler: it fails, and its offset says so."""
    status, headers, body = answer
    server = serve(lambda request: (status, headers, body) if len(server.requests) <= 3 else (200, {}, b""))
    desk = Desk()
    options = {"accepted": (200,)}
    for run in range(3):
        assert desk.letters == {}
        desk.offset = replace(desk.offset, failures_in_a_row=run)
        with pytest.raises(ProtocolError, match="may be stored.*set aside after three runs have sent them"):
            desk.ship(preset("otlp", server, **options), [[event(each) for each in "ab"], [event("c")]])
    assert set(desk.letters) == {"a", "b", "c"}
    assert all(each.reason.startswith("possibly stored: POST 127.0.0.1") for each in desk.letters.values())
    assert len(server.requests) == 3
    desk.ship(preset("otlp", server, **options), [[event(each) for each in "ab"], [event("c")], [event("d")]])
    assert (desk.offset.counts.delivered, desk.offset.counts.dead_lettered) == (1, 3)


def test_a_success_that_is_not_accepted_names_the_setting(serve):
    server = serve(lambda request: (201, {}, {}))
    with pytest.raises(ProtocolError, match=r"if that means stored, set 'accepted: \[200, 201\]'"):
        send(preset("otlp", server, accepted=(200,)), "ab")
