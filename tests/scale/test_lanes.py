"""Windows of a backfill that are read at the same time: how many, which, and that nothing is read twice."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import text_of, utc_now
from audit_provider.core.pipeline import pipeline_from
from audit_provider.dags import build_backfill
from audit_provider.dags.backfill import lanes_of, windows_of_lane
from audit_provider.operators import PullAuditLogsOperator
from tests.operators.conftest import context

S3 = {"s3": {"type": "s3", "bucket": "b"}}


def pipeline(source, **keys):
    return pipeline_from("p", {"source": source, "destinations": S3, **keys})


@pytest.mark.parametrize(
    ("source", "keys", "lanes"),
    [
        ("pylon", {}, 1),  # 8 requests a minute: one window uses them all
        ("workos", {}, 4),
        ("workos", {"backfill_windows": 2}, 2),
        ("workos", {"rate_limit": {"requests": 150, "per": 60}}, 2),
        ("pylon", {"backfill_windows": 3}, 3),
        ("slack", {}, 1),
    ],
)
def test_as_many_windows_are_read_at_once_as_the_budget_feeds(source, keys, lanes):
    assert lanes_of(pipeline(source, **keys)) == lanes


def test_a_list_that_every_window_would_scan_is_read_by_one():
    scanned = pipeline("pigment", backfill_windows=4)
    assert scanned.spec.for_backfill().reading.backfill == "scan"
    assert lanes_of(scanned) == 1


@pytest.mark.parametrize("number", [0, 5])
def test_more_windows_than_there_are_lanes_are_refused(number):
    with pytest.raises(ConfigurationError, match=r"p\.backfill_windows: must be 1 to 4"):
        pipeline("pylon", backfill_windows=number)


def test_each_lane_is_a_task_of_its_own_that_reads_one_window_at_a_time():
    dag = build_backfill(pipeline("workos"))
    pulls = [dag.get_task(name) for name in ("pull", "pull_2", "pull_3", "pull_4")]
    assert [pull.partial_kwargs["lane"] for pull in pulls] == [1, 2, 3, 4]
    assert all(pull.is_mapped and pull.max_active_tis_per_dag == 1 for pull in pulls)
    assert dag.get_task("ship_s3").upstream_task_ids >= {"pull", "pull_2", "pull_3", "pull_4"}


@pytest.mark.parametrize("count", range(10))
def test_all_lanes_together_have_every_window_once(count):
    windows = [{"start": str(number)} for number in range(count)]
    lanes = [windows_of_lane(windows, lane, 4) for lane in (1, 2, 3, 4)]
    assert sorted(each["start"] for lane in lanes for each in lane) == [each["start"] for each in windows]


def test_windows_read_at_the_same_time_share_no_event_and_miss_none(world):
    """Three real pulls at once: each keeps to its bounds, though each asks beyond them."""
    bounds = [world.now - timedelta(days=days) for days in (61, 40, 20)] + [world.now + timedelta(seconds=1)]
    windows = [{"start": text_of(a), "end": text_of(b)} for a, b in itertools.pairwise(bounds)]
    results, failures = {}, []

    def read(number):
        try:
            results[number] = world.pull(window=windows[number], windows=windows, lane=number + 1, page_size=20)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert sum(each["spooled"] for each in results.values()) == 700
    world.ship("splunk", windows=windows)
    assert sorted(world.splunk.ids()) == sorted(world.pylon.ids())


def test_polling_leaves_out_nothing_that_a_window_has_since_that_may_go_to_fewer_destinations(world):
    world.pull(start=(world.now - timedelta(days=1)).isoformat())
    world.pylon.add([_event(world, minutes=1)])
    window = {"start": text_of(world.now - timedelta(hours=2)), "end": text_of(utc_now() + timedelta(seconds=1))}
    assert world.pull(window=window)["spooled"] == 1
    world.ship("s3", windows=[window])
    assert world.pull()["spooled"] == 1
    world.ship("splunk")
    assert _event(world, minutes=1)["id"] in world.splunk.ids()


def test_a_budget_of_one_request_cannot_be_shared(world):
    window = {"start": text_of(world.now - timedelta(days=2)), "end": text_of(world.now)}
    operator = PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        window=window,
        spool=f"file://{world.spool}",
        rate_limit={"requests": 1, "per": 60},
    )
    with pytest.raises(AirflowFailException, match="one request in 60 s, cannot be shared with polling"):
        operator.execute(context())


def limited(world, **arguments):
    return PullAuditLogsOperator(
        task_id="pull",
        pipeline="p",
        source="pylon",
        start=(world.now - timedelta(days=61)).isoformat(),
        spool=f"file://{world.spool}",
        page_size=50,
        rate_limit={"requests": 5, "per": 3600},
        **arguments,
    )


def test_what_was_read_is_committed_before_a_task_waits_without_a_worker(world):
    with pytest.raises(TaskDeferred) as deferred:
        limited(world, run_minutes=90).execute(context())
    position = json.loads(world.variables.get("audit_logs.p.cursor"))
    assert position["head"]["total"] >= 200
    assert deferred.value.method_name == "execute_again"
    assert deferred.value.trigger.moment > utc_now() + timedelta(minutes=50)
    # The claim is kept for the time of the wait, and says that nothing is used meanwhile.
    claim = json.loads(world.variables.get("audit_logs.p.budget.polling"))["pylon"]
    assert claim["part"] == 0
    assert sum(count for _, count in claim["sent"]) == 5


def test_a_run_that_would_wait_beyond_its_end_ends_in_good_order_and_what_it_read_is_shipped(world):
    counts = limited(world, run_minutes=30).execute(context())
    assert counts["spooled"] >= 200
    assert counts["complete"] is False
    assert world.ship("splunk")["delivered"] == counts["spooled"]


def test_the_time_a_run_may_take_goes_on_while_it_waits(world):
    operator = limited(world, run_minutes=90)
    begun = utc_now() - timedelta(minutes=80)
    counts = operator.execute_again(context(), event=None, begun=begun.isoformat())
    assert counts["complete"] is False, "the wait of an hour would end after the 90 minutes"


def _event(world, **ago):
    from audit_provider.sandbox.events import generate

    moment = world.now - timedelta(**ago)
    return generate(1, moment, moment, seed=4711)[0]
