"""The whole way through real operators, and everything that may stand in it."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from audit_provider.core.model import text_of
from audit_provider.operators import AuditLogsToSplunkHecOperator
from audit_provider.sandbox.events import generate
from tests.operators.conftest import DATADOG_KEY, DAYS, HEC_TOKEN, PYLON_TOKEN, context

SECRETS = (PYLON_TOKEN, HEC_TOKEN, DATADOG_KEY)


def add(world, count, **ago):
    start = world.now - timedelta(**ago)
    world.pylon.add(generate(count, start, start + timedelta(minutes=1), seed=count))


def test_every_event_arrives_everywhere_once(world):
    counts = world.pull()
    assert (counts["read"], counts["spooled"], counts["duplicates"]) == (700, 700, 0)
    for kind in ("s3", "splunk", "datadog"):
        assert world.ship(kind) == {
            "delivered": 700,
            "already_there": 0,
            "too_old": 0,
            "dead_lettered": 0,
            "pending": 0,
        }
    ids = sorted(world.pylon.ids())
    assert world.s3_ids() == sorted(world.splunk.ids()) == sorted(world.datadog.ids()) == ids
    assert world.datadog.dropped_for_age == world.splunk.silently_dropped == 0


def test_the_next_run_reads_what_is_new_with_one_request(world):
    world.pull()
    add(world, 5, minutes=2)
    before = len(world.pylon.seen)
    counts = world.pull()
    assert counts["spooled"] == 5
    assert len(world.pylon.seen) == before + counts["requests"] == before + 1
    assert counts["budget"] == {"requests": 10_000, "per": 1}
    for kind in ("s3", "splunk", "datadog"):
        world.ship(kind)
        assert world.ship(kind)["pending"] == 0
    assert world.s3_ids() == sorted(world.splunk.ids()) == sorted(world.pylon.ids())


def test_old_events_reach_datadog_under_their_arrival_time(world):
    world.pull()
    world.ship("datadog")
    old = [log for log in world.datadog.logs if "backfill:true" in log["ddtags"]]
    assert old
    assert all("timestamp" not in log and log["evt"]["time"] < text_of(world.now - timedelta(hours=17)) for log in old)
    young = [log for log in world.datadog.logs if log not in old]
    assert all(log["timestamp"] == log["evt"]["time"] for log in young)


def test_or_are_set_aside_where_that_is_wanted(world):
    world.pull()
    with pytest.raises(AirflowFailException, match="too old"):
        world.ship("datadog", too_old="dead_letter")
    letters = [
        json.loads(line)
        for path in sorted(world.spool.glob("p/live/*/dead/datadog/*"))
        for line in path.read_text().splitlines()
    ]
    assert all(letter["too_old"] and letter["event"]["id"] == letter["id"] for letter in letters)
    assert sorted([letter["id"] for letter in letters] + world.datadog.ids()) == sorted(world.pylon.ids())
    assert world.ship("datadog", too_old="dead_letter")["pending"] == 0


def test_a_poison_event_is_set_aside_and_the_rest_goes_on(world):
    (poison,) = generate(1, world.now - timedelta(minutes=3), world.now, seed=99)
    poison["metadata"] = {"huge": "x" * 1_100_000}
    world.pylon.add([poison])
    world.pull()
    with pytest.raises(
        AirflowFailException,
        match="1 event was set aside and kept .*, under file:///.*/p; .*with 'redrive'",
    ):
        world.ship("datadog")
    assert len(world.datadog.ids()) == 700
    (path,) = world.spool.glob("p/live/*/dead/datadog/*")
    assert json.loads(path.read_text())["event"] == poison
    assert world.ship("splunk")["delivered"] == 701
    assert world.ship("datadog")["pending"] == 0


def test_dead_letters_need_not_end_the_task_failed(world):
    (poison,) = generate(1, world.now - timedelta(minutes=3), world.now, seed=99)
    poison["metadata"] = {"huge": "x" * 1_100_000}
    world.pylon.add([poison])
    world.pull()
    assert world.ship("datadog", dead_letters="succeed")["dead_lettered"] == 1


def test_the_tries_of_a_run_are_one_failure(world, no_pause):
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    ship = AuditLogsToSplunkHecOperator(task_id="s", pipeline="p", index="audit", spool=f"file://{world.spool}")
    for run_id, failures in (("a", 1), ("a", 1), ("b", 2), ("b", 2), ("c", 3)):
        with pytest.raises(AirflowException, match="503"):
            ship.execute(context(run_id=run_id))
        assert json.loads(world.variables.get("audit_logs.p.to.splunk_hec"))["failures_in_a_row"] == failures


def test_a_destination_that_was_down_catches_up_by_itself(world):
    world.pull()
    world.splunk.faults.add("status", status=503, count=None)
    with pytest.raises(AirflowException, match="503") as caught:
        world.ship("splunk")
    assert not isinstance(caught.value, AirflowFailException)
    assert json.loads(world.variables.get("audit_logs.p.to.splunk_hec"))["failures_in_a_row"] == 1
    assert world.ship("s3")["delivered"] == 700
    world.splunk.faults.clear()
    add(world, 3, minutes=1)
    world.pull()
    assert world.ship("splunk")["delivered"] == 703
    assert json.loads(world.variables.get("audit_logs.p.to.splunk_hec"))["failures_in_a_row"] == 0
    assert world.splunk.duplicates() == 0


def test_a_batch_cut_in_the_middle_is_not_sent_twice_where_the_answer_says_so(world):
    world.pull()
    world.splunk.faults.add("status", status=500, after=1, count=2)
    world.ship("splunk")
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "html"}, "web page titled 'Corporate Proxy Login'"),
        ({"kind": "garbage"}, "not JSON"),
        ({"kind": "error_in_200"}, "error inside"),
        ({"kind": "status", "status": 302}, "redirect"),
        ({"kind": "status", "status": 403, "body": '{"errors": ["no"], "code": "permission_denied"}'}, "Enterprise"),
        ({"kind": "status", "status": 404}, "check that the connection's host"),
        ({"kind": "status", "status": 400, "body": '{"errors": ["bad filter"], "request_id": "r-7"}'}, "r-7"),
    ],
)
def test_what_cannot_succeed_ends_with_one_sentence_and_no_retry(world, caplog, fault, said):
    caplog.set_level(logging.DEBUG)
    world.pylon.faults.add(**fault, count=None)
    with pytest.raises(AirflowFailException) as caught:
        world.pull()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(world.pylon.seen) <= 2
    assert set(world.variables.all()) == {"audit_logs.p.source"}, "no position"
    assert not any(secret in caplog.text + str(caught.value) for secret in SECRETS)


def test_a_token_that_is_wrong_or_of_the_other_region(world):
    world.connect("PYLON_DEFAULT", password="not-the-token")
    with pytest.raises(AirflowFailException, match="401.*unauthorized.*API Tokens"):
        world.pull()
    world.pylon._other_region_tokens = frozenset({"not-the-token"})
    with pytest.raises(AirflowFailException, match=r"wrong_region_token.*api\.eu\.usepylon\.com"):
        world.pull()
    assert set(world.variables.all()) == {"audit_logs.p.source"}, "no position"


def test_wrong_tokens_of_destinations_hold_everything(world):
    world.pull()
    world.connect("SPLUNK_HEC_DEFAULT", password="wrong-hec")
    world.connect("DATADOG_LOGS_DEFAULT", password="wrong-key")
    with pytest.raises(AirflowFailException, match="code 4.*HEC token"):
        world.ship("splunk")
    with pytest.raises(AirflowFailException, match="API key is not accepted"):
        world.ship("datadog")
    for name in ("splunk_hec", "datadog"):
        offset = json.loads(world.variables.get(f"audit_logs.p.to.{name}"))
        assert (offset["segment"], offset["index"], offset["failures_in_a_row"]) == (1, 0, 1)
        assert "wrong-" not in offset["last_error"]
    assert not list(world.spool.glob("p/live/*/dead"))
    world.connect("SPLUNK_HEC_DEFAULT", password=HEC_TOKEN)
    assert world.ship("splunk")["delivered"] == 700


def test_an_index_that_the_token_may_not_write_to(world):
    world.pull()
    with pytest.raises(AirflowFailException, match="may not write to the index 'finance'"):
        world.ship("splunk", index="finance")
    assert world.ship("splunk")["delivered"] == 700


def test_a_bucket_that_does_not_exist(world):
    world.pull()
    world.bucket = "there-is-none"
    from audit_provider.operators import AuditLogsToS3Operator

    operator = AuditLogsToS3Operator(task_id="s", pipeline="p", spool=f"file://{world.spool}", bucket="there-is-none")
    with pytest.raises(AirflowFailException, match="NoSuchBucket.*create the bucket"):
        operator.execute({"ti": None, "params": {}})


def test_a_connection_that_is_missing_or_mistyped(world, monkeypatch):
    with pytest.raises(AirflowFailException, match="there is no connection 'nope'"):
        world.pull(conn_id="nope")
    world.connect("PYLON_DEFAULT", extra={"verfy": False})
    with pytest.raises(AirflowFailException, match="extra 'verfy'"):
        world.pull()
    world.connect("PYLON_DEFAULT", extra={}, host="http://pylon.example.com")
    with pytest.raises(AirflowFailException, match="plain http"):
        world.pull()
    world.connect("PYLON_DEFAULT", password="")
    with pytest.raises(AirflowFailException, match="no password|plain http"):
        world.pull()
    monkeypatch.setenv("AIRFLOW_CONN_PYLON_DEFAULT", "splunk-hec://:x@127.0.0.1")
    with pytest.raises(AirflowFailException, match="not 'audit_logs'"):
        world.pull()


def test_an_outage_is_left_to_airflows_retries(world, no_pause):
    world.pylon.faults.add("status", status=503, count=None)
    with pytest.raises(AirflowException, match="503 5 times in a row") as caught:
        world.pull()
    assert not isinstance(caught.value, AirflowFailException)
    assert set(world.variables.all()) == {"audit_logs.p.source"}, "no position"


def test_a_long_wait_gives_the_worker_back(world):
    from airflow.providers.common.compat.sdk import TaskDeferred

    world.pylon.faults.add("status", status=429, headers={"X-Retry-After": "300"})
    with pytest.raises(TaskDeferred) as caught:
        world.pull()
    assert caught.value.method_name == "execute_again"
    assert world.pull()["spooled"] == 700


def test_answers_that_are_cut_or_slow_cost_nothing(world, no_pause):
    world.pylon.faults.add("cut", count=2)
    world.pylon.faults.add("status", status=429, headers={"X-Retry-After": "1"}, after=2)
    assert world.pull()["spooled"] == 700


def test_a_backfill_reads_its_windows_and_leaves_the_live_stream_alone(world):
    live_start = (world.now - timedelta(days=10)).isoformat()
    world.pull(start=live_start)
    before = world.variables.get("audit_logs.p.cursor")
    spooled = json.loads(before)["head"]["total"]
    cut = world.now - timedelta(days=30)
    windows = [
        {"start": text_of(world.now - timedelta(days=DAYS + 1)), "end": text_of(cut)},
        {"start": text_of(cut), "end": text_of(world.now + timedelta(seconds=1))},
    ]
    counts = [world.pull(window=window) for window in windows]
    assert world.variables.get("audit_logs.p.cursor") == before
    assert sum(each["spooled"] for each in counts) + spooled == 700
    assert counts[1]["duplicates"] > 0
    for kind in ("s3", "splunk", "datadog"):
        world.ship(kind)
        world.ship(kind, windows=windows)
    assert world.s3_ids() == sorted(world.splunk.ids()) == sorted(world.datadog.ids()) == sorted(world.pylon.ids())
    requests = len(world.pylon.seen)
    assert world.pull(window=windows[0])["read"] == 0, "a window that was read is not read again"
    assert len(world.pylon.seen) == requests


def test_a_destination_that_was_not_chosen_is_skipped(world):
    from audit_provider.operators import AuditLogsToDatadogOperator

    operator = AuditLogsToDatadogOperator(task_id="s", pipeline="p", windows=[], spool=f"file://{world.spool}")
    with pytest.raises(AirflowSkipException):
        operator.execute({"ti": None, "params": {"destinations": ["s3"]}})


def test_a_run_that_comes_back_from_the_dead_is_fenced_off(world, monkeypatch):
    world.pull()
    add(world, 3, minutes=1)
    kept = world.variables.get("audit_logs.p.cursor")
    real = world.variables.set

    def overtaken(cls, key, value, description=None):
        raise AssertionError("written over another run's record")

    original = world.pylon.answer

    def answer(request):
        other = json.loads(kept)
        other["longest_lag"] = 1e6
        real("audit_logs.p.cursor", json.dumps(other))
        monkeypatch.setattr(world.variables, "set", classmethod(overtaken))
        return original(request)

    monkeypatch.setattr(world.pylon, "answer", answer)
    with pytest.raises(AirflowFailException, match="changed by another run"):
        world.pull()


def test_a_source_may_be_exchanged_for_another_over_the_same_log(world):
    world.pull()
    add(world, 4, minutes=1)
    world.pull(source="pylon_list", conn_id="pylon_default")
    world.ship("splunk")
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize("ending", ["empty", "null", "absent", "sentinel", "live"])
@pytest.mark.parametrize("source", ["pylon", "pylon_list"])
def test_any_order_and_ending_is_read_whole(world, order, ending, source):
    world.pylon.order, world.pylon.ending = order, ending
    world.pull(source=source, conn_id="pylon_default", page_size=90)
    add(world, 6, minutes=1)
    world.pull(source=source, conn_id="pylon_default", page_size=90)
    world.pull(source=source, conn_id="pylon_default", page_size=90)
    world.ship("splunk")
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())


def test_a_mistake_in_an_option_names_its_path(world):
    world.pull()
    with pytest.raises(
        AirflowFailException, match=r"p\.destinations\.splunk_hec\.sourcetyp.*did you mean 'sourcetype'"
    ):
        world.ship("splunk", options={"sourcetyp": "x"})
    with pytest.raises(AirflowFailException, match=r"p\.reading\.overlp.*did you mean 'overlap'"):
        world.pull(reading={"overlp": 3})
    with pytest.raises(AirflowFailException, match="1 to 999"):
        world.pull(page_size=1000)
    with pytest.raises(AirflowFailException, match="no source 'pilon', did you mean 'pylon'"):
        world.pull(source="pilon")


def test_a_deleted_position_begins_anew_and_so_does_every_destination(world):
    world.pull()
    world.ship("splunk")
    (world.variables.folder / "audit_logs.p.cursor").unlink()
    add(world, 2, minutes=1)
    assert world.pull()["spooled"] == 702
    assert world.ship("splunk")["delivered"] == 702
    assert set(world.splunk.ids()) == set(world.pylon.ids())


def test_a_lost_spool_is_named(world):
    world.pull()
    for path in world.spool.rglob("*.ndjson.gz"):
        path.unlink()
    with pytest.raises(AirflowFailException, match="no p/live/.*although the position says it was written"):
        world.ship("splunk")
    assert world.splunk.ids() == []


def test_a_backfill_without_a_plan_does_not_ship_the_live_stream(world):
    """Where the plan fails, its windows are None at the task, which elsewhere means the live stream."""
    world.pull()
    operator = AuditLogsToSplunkHecOperator(
        task_id="s", pipeline="p", spool=f"file://{world.spool}", index="audit", windows=[]
    )
    operator.windows = None
    with pytest.raises(AirflowSkipException, match="no plan"):
        operator.execute(context())
    assert world.splunk.ids() == []


def test_windows_that_overlap_share_no_event(world):
    """A second backfill with other bounds drops what the first has in the spool."""
    day = timedelta(days=1)
    first = {"start": text_of(world.now - 50 * day), "end": text_of(world.now - 20 * day)}
    second = {"start": text_of(world.now - 40 * day), "end": text_of(world.now - 10 * day)}
    one, two = (world.pull(window=window) for window in (first, second))
    assert one["spooled"] > 0
    assert two["duplicates"] > 0
    for windows in ([first], [second]):
        world.ship("splunk", windows=windows)
    ids = world.splunk.ids()
    assert len(ids) == len(set(ids)) == one["spooled"] + two["spooled"]
