"""What a run is given: times, windows and ranges as text, and whose events a stream holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import UTC, Fields, Window
from audit_provider.core.runs.arguments import moment_from, origin_of, range_from, window_from
from audit_provider.core.runs.own_streams import FINDINGS_SOURCE, FINDINGS_TITLE
from audit_provider.core.shipping.sending_again import TimeRange
from audit_provider.core.sources import REGISTRY

DAY = datetime(2026, 1, 1, tzinfo=UTC)
SLACK = REGISTRY["slack"]


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-01",
        " 2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00",
        "2026-01-01T02:00:00+02:00",
        date(2026, 1, 1),
        DAY,
        DAY.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_a_moment_is_read_as_utc(written):
    assert moment_from(written, "start") == DAY
    assert moment_from(written, "start").tzinfo is UTC


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", None])
def test_what_is_no_moment_is_refused_by_its_name(written):
    with pytest.raises(ConfigurationError, match="^start "):
        moment_from(written, "start")


def test_a_window_has_both_ends():
    assert window_from({"start": "2026-01-01", "end": "2026-01-02"}) == Window(DAY, DAY + timedelta(days=1))
    for wrong in ({"start": "2026-01-01"}, {"start": "2026-01-02", "end": "2026-01-01"}):
        with pytest.raises(ConfigurationError, match="the window .* cannot be read"):
            window_from(wrong)


def test_a_range_may_be_open_at_either_side():
    assert range_from({}) == range_from({"start": None, "end": ""}) == TimeRange()
    assert range_from({"start": "2026-01-01"}) == TimeRange(DAY)
    with pytest.raises(ConfigurationError, match="correct 'start' or 'end' in the form"):
        range_from({"start": "2026-01-02", "end": "2026-01-01"})


def test_an_origin_is_what_was_read_with_the_meaning_that_the_pipeline_gives_it():
    position = Position("slack", fields=replace(SLACK.fields, ip="elsewhere"))
    found = origin_of("p", None, position)
    assert (found.source, found.title, found.actions) == ("slack", SLACK.title, SLACK.actions)
    assert found.fields.ip == "elsewhere", "the events were read so"
    assert origin_of("p", "okta", position).actions == REGISTRY["okta"].actions
    assert origin_of("p", "slack", None).fields == SLACK.fields
    unknown = origin_of("p", None, Position("own", fields=Fields("id", "at")))
    assert (unknown.source, unknown.title) == ("own", "")
    with pytest.raises(ConfigurationError, match="give the task its 'source'"):
        origin_of("p", None, None)


def test_findings_are_nobodys_but_this_packages():
    found = origin_of("p", "slack", Position(FINDINGS_SOURCE, fields=Fields("id", "time")))
    assert (found.source, found.title) == (FINDINGS_SOURCE, FINDINGS_TITLE)
