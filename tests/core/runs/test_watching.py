"""One look at a pipeline: what is left for people, in which order, and who is stopped."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import FencedError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.core.monitoring.activity import Activity
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.monitoring.summary import summary_record
from audit_provider.core.runs.watching import Watch
from audit_provider.core.sources import REGISTRY
from audit_provider.core.streams.open_stream import open_stream
from tests.core.runs.conftest import LIVE, NOW, WINDOW

FINDINGS = StreamName.of_findings("p")


def watch(kept, notify=lambda memory, now, hidden: (False, []), **settings):
    """Look at a pipeline whose destination has failed three times."""
    opened = open_stream(kept.ledger, kept.store, LIVE)
    run = Watch(
        ledger=kept.ledger,
        store=kept.store,
        pipeline="p",
        source=REGISTRY["pylon"],
        destinations=["far"],
        settings=Monitoring(**settings),
        tellers=["pager"],
        notify=notify,
        log=kept.log,
        now=lambda: NOW,
    )
    return run.run([opened.account("far")], ())


@pytest.fixture
def failing(kept):
    kept.spool(size=5)
    kept.keep_offset(Offset(chain="c", failures_in_a_row=3, last_error="down"))
    return kept


def test_a_look_leaves_a_summary_and_reports(failing):
    assert watch(failing) == []
    summary = summary_record(failing.ledger, "p").load()
    assert [each.kind for each in summary.findings] == ["undelivered"]
    assert {f"p/reports/{name}.{ending}" for name in ("latest", "2026-05-01") for ending in ("html", "md")} == set(
        failing.store.keys("p/reports/")
    )
    assert "Counted 5 events in 1 new segments." in str(failing.log)
    assert "far has 5 undelivered events" in str(failing.log)


def test_grave_findings_and_notifiers_that_fail_are_what_the_task_fails_for(failing):
    told = watch(failing, lambda memory, now, hidden: (False, ["the channel is gone."]), fail_on="critical")
    assert told[0].startswith("p has 1 grave findings, see the log; the first: far has 5 undelivered events")
    assert told[1] == "the channel is gone."


def test_what_was_sent_is_remembered(failing):
    def notify(memory, now, hidden):
        (due,) = memory.untold("pager", now)
        due.told.append("pager")
        return True, []

    watch(failing, notify)
    assert Activity(failing.store, "p").memory(Memory).untold("pager", NOW) == []


def test_findings_are_events_where_that_is_wanted_and_are_spooled_once(failing):
    watch(failing)
    assert open_stream(failing.ledger, failing.store, FINDINGS) is None
    for _ in range(2):
        watch(failing, ship_findings=True)
        assert open_stream(failing.ledger, failing.store, FINDINGS).head.total == 1
    assert "Counted" not in str(failing.log).partition("New findings")[2], "findings are not counted themselves"


def test_a_look_that_comes_back_late_is_fenced_off_and_leaves_no_summary(failing):
    counted = failing.store.put

    def overtaken(key, content):
        counted(key, content)
        failing.ledger.write("audit_logs.p.summary", "another's")

    failing.store.put = overtaken
    with pytest.raises(FencedError):
        watch(failing)
    assert failing.ledger.read("audit_logs.p.summary") == "another's"


def test_a_window_that_was_read_and_counted_is_not_asked_for_again(failing):
    failing.spool(WINDOW, complete=True)
    watch(failing)
    failing.ledger.texts[WINDOW.cursor_key] = "nonsense"
    watch(failing)
