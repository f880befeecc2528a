"""Problems of many pipelines with one cause are one incident."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit_provider.plugin.incidents import MOST_INCIDENTS, incidents_of
from audit_provider.plugin.views import PipelineView, Problem

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
MINUTE = timedelta(minutes=1)


def failing(number, *, cause="splunk_default", error="", **more):
    error = error or f"POST :8{number:03} gave no whole answer (NewConnectionError)."
    text = f"splunk failed in 2 runs in a row, 7 events are pending: {error}"
    entries = {"subject": "splunk", "waiting": 7, "since": NOW - number * MINUTE, "next_try": NOW + number * MINUTE}
    return Problem("critical", text, "splunk", kind="destination", cause=cause, error=error, **(entries | more))


def pipeline(number, *problems):
    return PipelineView(f"p{number}", "Pylon", "critical", problems=problems)


def test_one_siem_that_is_down_under_fifty_pipelines_is_one_line():
    views = [pipeline(number, failing(number, log=f"/runs/{number}")) for number in range(1, 51)]
    (only,), _ = incidents_of(views)
    assert only.text == "splunk cannot be shipped to (connection splunk_default)"
    assert len(only.pipelines) == 50
    assert (only.waiting, only.since, only.next_try) == (350, NOW - 50 * MINUTE, NOW + MINUTE)
    assert only.error == "POST :8001 gave no whole answer (NewConnectionError)."
    assert (only.other_errors, only.log) == (0, "/runs/1")


def test_a_second_outage_at_the_same_time_is_seen_and_so_is_another_error_of_the_same_connection():
    odd = failing(9, error="POST answered 403: the token may not write to this index.")
    other = failing(3, cause="datadog_default", subject="datadog")
    found, _ = incidents_of([pipeline(1, failing(1), other), pipeline(2, failing(2)), pipeline(9, odd)])
    assert [(each.key, len(each.pipelines), each.other_errors) for each in found] == [
        ("destination splunk_default", 3, 1),
        ("destination datadog_default", 1, 0),
    ]
    assert "NewConnectionError" in found[0].error, "the one that most have"


def test_what_concerns_one_pipeline_alone_stays_apart_and_the_worst_comes_first():
    gap, surge = Problem("critical", "gap from Monday"), Problem("warning", "More than usual.")
    found, _ = incidents_of([pipeline(1, surge, gap), pipeline(2, surge), pipeline(3, gap)])
    assert [(each.level, each.text, each.pipelines) for each in found] == [
        ("critical", "gap from Monday", ("p1",)),
        ("critical", "gap from Monday", ("p3",)),
        ("warning", "More than usual.", ("p1",)),
        ("warning", "More than usual.", ("p2",)),
    ]


def test_of_many_causes_the_worst_are_shown_and_the_rest_are_counted():
    grave = Problem("critical", "gap from Monday")
    views = [pipeline(number, Problem("warning", "More than usual.")) for number in range(MOST_INCIDENTS + 2)]
    found, more = incidents_of([*views, pipeline(99, grave)])
    assert (len(found), more, found[0].text) == (MOST_INCIDENTS, 3, "gap from Monday")


def test_dead_letters_of_one_siem_are_added_up_and_dags_that_are_missing_are_counted():
    letters = Problem("critical", "s", "s3", kind="letters", cause="aws", subject="s3", count=3)
    (found,), _ = incidents_of([pipeline(1, letters), pipeline(2, letters)])
    assert found.text == "s3 has 6 dead letters (connection aws)"
    missing = [
        Problem("critical", f"Airflow knows no DAG audit_incremental_p{each}: look.", kind="dag", cause="airflow")
        for each in (1, 2)
    ]
    missing = [Problem(each.level, each.text, kind="dag", cause="airflow", summary="no DAG") for each in missing]
    (found,), _ = incidents_of([pipeline(1, missing[0]), pipeline(2, missing[1])])
    assert found.text == "no DAG (2 pipelines)"
    (found,), _ = incidents_of([pipeline(1, missing[0])])
    assert found.text == "Airflow knows no DAG audit_incremental_p1: look."


def test_a_long_error_of_several_lines_is_one_line():
    (found,), _ = incidents_of([pipeline(1, failing(1, error="first\n  second " + "x" * 900))])
    assert found.error.startswith("first second x")
    assert (len(found.error), found.error[-1]) == (301, "…")


def test_what_stands_still_comes_first_and_findings_come_last_of_what_is_as_grave():
    gap = Problem("critical", "Gap.", kind="gap")
    finding = Problem("critical", "Ada failed to log in 40 times.", kind="finding")
    found, _ = incidents_of([pipeline(1, finding, gap), pipeline(2, finding, gap), pipeline(3, failing(3))])
    kinds = [each.key.partition(" ")[0] for each in found]
    assert kinds == ["destination", "gap", "gap", "finding", "finding"]
