"""What ended lately is shown by cause, as what is wrong now is."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit_provider.core.ledger.health import without_doubles
from audit_provider.core.model import Outage
from audit_provider.plugin.incidents import LATELY, ended_of
from audit_provider.plugin.views import DestinationView, PipelineView, SourceView

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
MINUTE = timedelta(minutes=1)


def outage(began, ended, *, failures=2, error="POST :8001 gave no answer.", waited=7):
    """Return one that began and ended so many minutes ago."""
    return Outage(NOW - began * MINUTE, NOW - ended * MINUTE, failures, error, waited)


def pipeline(name, *, source=(), splunk=(), conn_id="splunk_default"):
    served = DestinationView("splunk", "splunk_hec", enabled=True, state="ok", conn_id=conn_id, outages=splunk)
    return PipelineView(
        name, "Pylon", "ok", reading=SourceView("ok", "pylon_default", outages=source), destinations=(served,)
    )


def test_outages_of_one_connection_are_one_line_and_those_at_the_same_time_are_one_outage():
    views = [
        pipeline("p", splunk=(outage(300, 290), outage(60, 30, waited=20))),
        pipeline("q", splunk=(outage(55, 25, error="POST :8002 gave no answer."),)),
        pipeline("r"),
    ]
    (only,) = ended_of(views, NOW)
    assert only.text == "splunk could not be shipped to (connection splunk_default)"
    assert (only.pipelines, only.concerned, only.times) == (("p", "q"), 2, 2)
    assert (only.began, only.ended, only.longest) == (NOW - 300 * MINUTE, NOW - 25 * MINUTE, 35 * 60)
    assert (only.waited, only.error) == (27, "POST :8001 gave no answer.")


def test_the_last_to_end_comes_first_and_a_source_says_nothing_of_what_waited():
    views = [
        pipeline("p", source=(outage(50, 20, waited=None),), splunk=(outage(50, 40),)),
        pipeline("q", splunk=(outage(5, 1),), conn_id="splunk_eu"),
    ]
    found = ended_of(views, NOW)
    assert [each.key for each in found] == [
        "destination splunk_eu",
        "source pylon_default",
        "destination splunk_default",
    ]
    assert (found[1].text, found[1].waited) == ("Pylon could not be read (connection pylon_default)", None)


def test_what_ended_a_day_ago_is_only_in_the_pipelines_own_view():
    day = LATELY // MINUTE
    assert ended_of([pipeline("p", splunk=(outage(day + 9, day),))], NOW)
    assert not ended_of([pipeline("p", splunk=(outage(day + 9, day + 1),))], NOW)


def test_an_outage_that_two_streams_of_a_destination_have_seen_is_one():
    own, same, other = outage(60, 30), outage(59, 29), outage(10, 5)
    assert without_doubles((own,), (same, other)) == (own, other)
    assert without_doubles((), (same,)) == (same,)
