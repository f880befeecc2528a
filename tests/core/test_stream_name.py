"""Under which names a stream and the records of a pipeline are kept, and how they are found by them again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.delivery import MOST_LETTERS_TOGETHER
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.model import UTC, Window

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
STREAMS = st.one_of(
    st.builds(StreamName, NAMES),
    st.builds(StreamName.of_reconciliation, NAMES),
    st.builds(StreamName.of_findings, NAMES),
    st.builds(
        lambda pipeline, days: StreamName.of_window(pipeline, Window(BEGIN, BEGIN + timedelta(days=days))),
        NAMES,
        st.integers(1, 400),
    ),
)
LIVE = st.builds(StreamName, NAMES)
KEYS = st.one_of(
    st.builds(RecordKey, st.just("position"), STREAMS),
    st.builds(RecordKey, st.just("offset"), STREAMS, NAMES),
    st.builds(RecordKey.of_replay, STREAMS, st.text(), NAMES),
    st.builds(RecordKey, st.just("claims"), LIVE, NAMES),
    st.builds(RecordKey, st.just("gap_windows"), LIVE, st.sampled_from(["", "1", "3"])),
    st.builds(RecordKey, st.sampled_from(["acknowledgements", "summary"]), LIVE),
)


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
def test_a_stream_is_found_by_its_folder_and_by_its_key(name, folder):
    assert name.folder == f"p/{folder}"
    assert StreamName.of_folder("p", folder) == name
    assert RecordKey.parsed(name.cursor_key) == RecordKey("position", name)


@pytest.mark.parametrize(
    "rest", ["to.s3", "backfill.w.to.s3", "summary", "budget.polling", "backfill.reconcile.cursor"]
)
def test_a_record_that_holds_no_position_is_of_no_stream(rest):
    found = RecordKey.parsed(f"audit_logs.p.{rest}")
    assert found is None or found.kind != "position"


@given(KEYS)
def test_a_key_is_read_as_it_was_written(key):
    assert RecordKey.parsed(str(key)) == key
    assert len(str(key)) <= 250, "Airflow keeps no longer one"


@given(st.lists(KEYS, unique=True))
def test_two_records_never_share_a_key(keys):
    assert len(set(map(str, keys))) == len(keys)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (RecordKey("position", StreamName("p")), "audit_logs.p.cursor"),
        (RecordKey("offset", StreamName.of_findings("p"), "s3"), "audit_logs.p.findings.to.s3"),
        (RecordKey("offset", StreamName("p", "w"), "s3"), "audit_logs.p.backfill.w.to.s3"),
        (
            RecordKey.of_replay(StreamName.of_reconciliation("p"), "run", "s3"),
            "audit_logs.p.replay.acba25512100.reconcile.to.s3",
        ),
        (RecordKey("claims", StreamName("p"), "polling"), "audit_logs.p.budget.polling"),
        (RecordKey("gap_windows", StreamName("p")), "audit_logs.p.backfill.gaps"),
        (RecordKey("gap_windows", StreamName("p"), "2"), "audit_logs.p.backfill.gaps.2"),
        (RecordKey("acknowledgements", StreamName("p")), "audit_logs.p.gaps.acknowledged"),
        (RecordKey("summary", StreamName("p")), "audit_logs.p.summary"),
    ],
)
def test_keys_are_those_of_every_version(key, written):
    assert str(key) == written


@pytest.mark.parametrize(
    "key",
    [
        "",
        "audit_logs",
        "audit_logs.",
        "audit_logs.p",
        "audit_logs.p.",
        "audit_logs..cursor",
        "audit_logsXp.cursor",
        "other.audit_logs.p.cursor",
        "audit_logs.p.backfill.pace",
        "audit_logs.p.x.cursor",
        "audit_logs.p.to.",
        "audit_logs.p.cursor.more",
        "audit_logs.p.backfill.findings.to.s3",
        "audit_logs.p.replay.r.x.to.s3",
    ],
)
def test_what_is_no_key_of_a_record_is_none(key):
    assert RecordKey.parsed(key) is None


def test_the_longest_names_that_are_taken_fit_into_the_key_of_a_variable():
    """250 characters are all that Airflow's database holds."""
    pipeline, destination = "p" * 100, "d" * (MOST_LETTERS_TOGETHER - 100)
    window = StreamName.of_window(pipeline, Window(BEGIN, BEGIN + timedelta(days=1)))
    streams = [StreamName(pipeline), window, StreamName.of_reconciliation(pipeline), StreamName.of_findings(pipeline)]
    keys = [each.cursor_key for each in streams]
    keys += [each.offset_key(destination) for each in streams]
    keys += [str(RecordKey.of_replay(each, "manual__2026-01-01T00:00:00+00:00", destination)) for each in streams]
    assert max(map(len, keys)) == 250
