"""A reconciliation without anything to read: what is due, and late events that no run has failed for yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.errors import ConfigurationError, StopError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import midnight
from audit_provider.core.runs.reconciling import Reconciling
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.reading.reconciliation import ReconciliationState, looks_back
from tests.core.runs.conftest import LIVE, NOW

SPEC = REGISTRY["pylon"]
LATE = StreamName.of_reconciliation("p")
DAY = timedelta(days=1)
END = midnight(NOW - looks_back(SPEC))
"""Of the last window that may be compared now."""


class AskedError(Exception):
    """The source would be read."""


def run(kept, *, reader=None, **changes):
    def asked(spec, window, position, live):
        raise AskedError(window)

    arguments = {"after": None, "width": DAY, "retention_days": 30, "fail_on_missed": False, **changes}
    return Reconciling(
        ledger=kept.ledger,
        store=kept.store,
        pipeline="p",
        spec=SPEC,
        deadline=NOW + DAY,
        reader=reader or asked,
        progress=None,
        report=None,
        log=kept.log,
        now=lambda: NOW,
        **arguments,
    ).run()


def live(kept, **changes):
    record = position_record(kept.ledger, LIVE)
    record.load()
    record.commit(Position("pylon", "c", watermark=NOW, updated_at=NOW, complete=True, **changes))


def late(kept, *, source="pylon", account="", **state):
    record = position_record(kept.ledger, LATE)
    record.load()
    record.commit(Position(source, "c", reading=msgspec.to_builtins(ReconciliationState(**state)), account=account))


def test_nothing_is_due_before_anything_is_read(kept):
    found = run(kept)
    assert (found["windows"], found["complete"], found["watermark_lag"]) == ([], True, None)
    assert "Nothing is due: nothing is read." in str(kept.log)
    assert kept.ledger.keys() == [], "a look leaves no record"


def test_nothing_is_due_twice(kept):
    live(kept)
    late(kept, reached=END)
    assert run(kept)["reconciled_until"] == f"{END:%Y-%m-%dT%H:%M:%SZ}"
    assert f"compared up to {END:%Y-%m-%dT%H:%M:%SZ}" in str(kept.log)


def test_all_that_is_due_is_read_and_what_is_no_longer_kept_is_told(kept):
    live(kept)
    late(kept, reached=END - 3 * DAY)
    with pytest.raises(AskedError) as asked:
        run(kept)
    (window,) = asked.value.args
    assert (window.start, window.end) == (END - 3 * DAY, END)
    late(kept, reached=END - 40 * DAY)
    with pytest.raises(AskedError) as asked:
        run(kept, retention_days=7)
    (window,) = asked.value.args
    assert window.start == NOW - 7 * DAY + timedelta(hours=2)
    assert "cannot be compared any more: run the reconciliation more often" in str(kept.log)


def test_what_the_live_reading_still_looks_at_is_not_due_whatever_is_asked_for(kept):
    live(kept)
    late(kept, reached=END)
    assert run(kept, after=timedelta(0))["windows"] == []
    late(kept, reached=END - DAY)
    assert run(kept, after=looks_back(SPEC) + DAY)["windows"] == []


@pytest.mark.parametrize("fails", [True, False])
def test_late_events_of_a_run_that_broke_off_fail_one_run_and_only_one(kept, fails):
    live(kept)
    late(kept, reached=END, untold=3)
    if fails:
        with pytest.raises(StopError, match="3 events of p came late or were missed"):
            run(kept, fail_on_missed=True)
    else:
        run(kept)
    assert run(kept, fail_on_missed=True)["complete"]


def test_another_source_begins_with_nothing_compared(kept):
    live(kept)
    record = position_record(kept.ledger, LATE)
    state = msgspec.to_builtins(ReconciliationState(reached=END))
    record.commit(replace(Position("okta", "c"), reading=state))
    with pytest.raises(AskedError) as asked:
        run(kept)
    assert asked.value.args[0].start == END - DAY


def test_what_was_compared_of_another_account_is_refused_also_where_nothing_is_due(kept):
    live(kept, account="two")
    late(kept, account="one", reached=END)
    with pytest.raises(ConfigurationError, match=r"p/reconcile was read from another account .*p\.reconcile\.cursor"):
        run(kept)


def test_another_source_is_compared_from_the_beginning_whatever_the_account_was(kept):
    live(kept, account="two")
    late(kept, source="slack", account="one", reached=END)
    with pytest.raises(AskedError) as asked:
        run(kept)
    assert asked.value.args[0].end == END
