"""Under which names a stream is kept, and how it is found by them again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit_provider.core.delivery import MOST_LETTERS_TOGETHER
from audit_provider.core.model import UTC, Window
from audit_provider.stream_name import StreamName

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (StreamName("p"), "live"),
        (
            StreamName.of_window("p", Window(BEGIN, BEGIN + timedelta(days=1))),
            "backfill-20260101T000000Z_20260102T000000Z",
        ),
        (StreamName.of_reconciliation("p"), "reconcile"),
        (StreamName.of_findings("p"), "findings"),
    ],
)
def test_a_stream_is_found_by_its_folder_and_by_its_variable(name, folder):
    assert name.folder == f"p/{folder}"
    assert StreamName.of_folder("p", folder) == name
    assert StreamName.of_cursor_key("p", name.cursor_key) == name


@pytest.mark.parametrize(
    "rest", ["to.s3", "backfill.w.to.s3", "summary", "budget.polling", "backfill.reconcile.cursor"]
)
def test_a_variable_that_holds_no_position_is_no_streams(rest):
    assert StreamName.of_cursor_key("p", f"audit_logs.p.{rest}") is None


def test_the_longest_names_that_are_taken_fit_into_the_key_of_a_variable():
    """250 characters are all that Airflow's database holds."""
    pipeline, destination = "p" * 100, "d" * (MOST_LETTERS_TOGETHER - 100)
    window = StreamName.of_window(pipeline, Window(BEGIN, BEGIN + timedelta(days=1)))
    streams = [StreamName(pipeline), window, StreamName.of_reconciliation(pipeline), StreamName.of_findings(pipeline)]
    keys = [each.cursor_key for each in streams]
    keys += [each.offset_key(destination) for each in streams]
    keys += [each.replay_key("manual__2026-01-01T00:00:00+00:00", destination) for each in streams]
    assert max(map(len, keys)) == 250
