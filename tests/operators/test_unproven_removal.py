"""Segments that somebody has removed under a mark of their own are told apart from what retention removes."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.ledger.records import removal_record
from audit_provider.core.model import utc_now
from audit_provider.core.pull import pull
from audit_provider.core.runs.retention import retain
from audit_provider.core.spool import LocalStore
from audit_provider.core.verification import Progress, verify
from audit_provider.operators import ReportAuditLogsOperator
from audit_provider.state import OffsetVariable, PositionVariable, StreamName, Variables
from tests.operators.conftest import context

NAME = StreamName("p")


class _Silent:
    def info(self, *_):
        pass

    warning = error = info


@pytest.fixture
def segments(world, monkeypatch):
    """Fifteen segments that Splunk has got."""
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)
    world.pull(page_size=50)
    world.ship("splunk")


def report(world):
    return ReportAuditLogsOperator(
        task_id="r", pipeline="p", destinations=["splunk_hec"], spool=f"file://{world.spool}"
    ).execute(context())


def remove_by_hand(world, keep):
    (chain,) = (path for path in world.spool.glob("p/live/*") if path.is_dir())
    for path in chain.glob("*.gz"):
        if int(path.name[:12]) < keep:
            path.unlink()
    (chain / "oldest.json").write_text(str(keep))
    (chain / "pruned.json").write_bytes(msgspec.json.encode(utc_now()))
    return chain


def found(world, now=utc_now):
    position = PositionVariable(NAME).load()
    removal = removal_record(Variables(), NAME).load()
    progress = Progress(position, OffsetVariable(NAME, "splunk_hec").load(), removed=removal and removal.oldest)
    return verify(LocalStore(world.spool), progress={"p/live": progress}, destination="splunk_hec", now=now)


def test_a_front_that_cannot_be_old_enough_is_named(world, segments):
    remove_by_hand(world, 10)
    assert removal_record(Variables(), NAME).load() is None
    (fault,) = found(world).faults
    assert "nothing of it can be old enough" in str(fault)


def test_what_retention_has_not_removed_is_named_however_old_it_is(world, segments):
    report(world)
    chain = remove_by_hand(world, 10)
    later = utc_now() + timedelta(days=90)
    (fault,) = found(world, now=lambda: later).faults
    assert "removed only those before 1" in str(fault)
    (chain / "pruned.json").unlink()
    with pytest.raises(AirflowFailException, match="somebody has removed segments"):
        report(world)


def test_what_retention_removed_is_all_right(world, segments):
    moment = utc_now() + timedelta(days=90)
    retain(Variables(), LocalStore(world.spool), NAME, ["splunk_hec"], retention_days=1, now=moment, log=_Silent())
    removal = removal_record(Variables(), NAME).load()
    verified = found(world)
    assert (verified.exit_code, verified.streams[0].oldest) == (0, removal.oldest)
