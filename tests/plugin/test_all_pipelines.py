"""Which rows and columns the overview has."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit_provider.plugin.all_pipelines import MOST_COLUMNS, Wanted, rows_of
from audit_provider.plugin.views import DestinationView, PipelineView, SourceView

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
HOUR = timedelta(hours=1)


def to(name, state="ok", conn_id="", **more):
    return DestinationView(name, name, state != "off", state, conn_id=conn_id or f"{name}_default", **more)


def pipeline(name, *destinations, state="ok", **more):
    return PipelineView(name, "Pylon", state, destinations=destinations, **more)


def names(views, **wanted):
    return [each.name for each in rows_of(views, Wanted(**wanted))[0]]


def test_a_column_is_a_connection_and_counts_who_delivers():
    views = [
        pipeline("a", to("splunk", "critical", "siem"), to("s3")),
        pipeline("b", to("hec", "ok", "siem"), to("s3", "off")),
    ]
    _, matrix = rows_of(views, Wanted())
    assert matrix.by == "conn_id"
    assert [(each.key, each.names, each.state, each.delivering, each.destinations) for each in matrix.columns] == [
        ("siem", ("splunk", "hec"), "critical", 1, 2),
        ("s3_default", ("s3",), "ok", 1, 1),
    ]


def test_many_connections_share_the_column_of_their_type():
    views = [pipeline(f"p{each}", to("splunk", conn_id=f"splunk_{each}")) for each in range(MOST_COLUMNS + 1)]
    assert len(rows_of(views[:-1], Wanted())[1].columns) == MOST_COLUMNS
    _, matrix = rows_of(views, Wanted())
    assert (matrix.by, [each.key for each in matrix.columns]) == ("type", ["splunk"])
    assert matrix.columns[0].destinations == MOST_COLUMNS + 1


def test_a_column_of_what_is_off_is_off():
    _, matrix = rows_of([pipeline("a", to("s3", "off"))], Wanted())
    assert (matrix.columns[0].state, matrix.columns[0].destinations) == ("off", 0)


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("state", "bac"),
        ("name", "abc"),
        ("source", "cba"),
        ("waiting", "acb"),
        ("next_run", "cab"),
        ("to:s3_default", "bca"),
        ("nonsense", "bac"),
    ],
)
def test_each_order_begins_with_what_is_worst(sort, found):
    views = [
        pipeline(
            "a",
            to("s3", pending=9, waiting_since=NOW),
            reading=SourceView("ok", last_complete=NOW),
            next_run=NOW + HOUR,
        ),
        pipeline(
            "b",
            to("s3", "critical"),
            state="critical",
            reading=SourceView("ok", last_complete=NOW - HOUR),
            next_run=None,
        ),
        pipeline(
            "c",
            to("s3", pending=5, waiting_since=NOW - HOUR),
            reading=SourceView("warning", last_complete=NOW),
            next_run=NOW,
        ),
    ]
    assert "".join(names(views, sort=sort)) == found
    assert sorted(names(views, sort=sort, down=True)) == sorted(found)


def test_states_are_counted_of_what_was_looked_for_whatever_its_state():
    views = [pipeline("a", state="critical"), pipeline("b", tags=("z",)), pipeline("ab")]
    found, matrix = rows_of(views, Wanted(find="A", state="ok"))
    assert [each.name for each in found] == ["ab"]
    assert matrix.states == {"critical": 1, "ok": 1}
    assert matrix.tags == ("z",)


def test_rows_without_a_tag_come_behind_the_groups():
    views = [pipeline("a"), pipeline("b", tags=("z",)), pipeline("c", tags=("emea", "z")), pipeline("d", tags=("z",))]
    assert names(views, group="tag") == ["c", "b", "d", "a"]


def test_where_no_rows_are_wanted_there_is_one_empty_page():
    found, matrix = rows_of([pipeline("a")], Wanted(size=0))
    assert (found, matrix.matched, matrix.pages) == ([], 1, 1)
