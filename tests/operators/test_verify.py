"""The scheduled verification: a day is proven only by what was read, compared, verified and delivered of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from isal import igzip

from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.model import Unreadable, text_of, utc_now
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.calendar import ROUND, Calendar
from audit_provider.core.runs.gap_records import acknowledge_gap, reopen_gap
from audit_provider.core.runs.recorded import MOST_FILES, Logged
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.streams.unreadable import UnreadableRecords
from audit_provider.operators import VerifyAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import Variables
from tests.core.calendars import keep
from tests.operators.conftest import context

PIPELINE = pipeline_from("p", {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}})
DAY = timedelta(days=1)


def ship(world, **arguments):
    return world.ship("splunk", destination="splunk", **arguments)


@pytest.fixture
def verify(world):
    """Verify, and return the calendar. :param now: that it is for the task."""

    def run(now=None, pipeline=PIPELINE):
        task = VerifyAuditLogsOperator(task_id="verify", pipeline=pipeline, spool=f"file://{world.spool}")
        task.now = lambda: now or world.now
        task.execute(context())
        return calendar(world)

    return run


def calendar(world):
    return Calendar.load(LocalStore(world.spool), "p").days


def at_turn(world, day, verify):
    """Verify in the run in which a day is read again."""
    store = LocalStore(world.spool)
    kept = Calendar.load(store, "p")
    keep(msgspec.structs.replace(kept, runs=day.toordinal() + ROUND - 1), Variables(), store, world.now)
    return verify()


def events(world, action="audit_provider.verification"):
    paths = sorted((world.spool / "p/evidence").rglob("*.ndjson.gz"))
    lines = [json.loads(line)["raw"] for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]
    return [each for each in lines if each["action"] == action]


def test_a_day_is_proven_once_it_is_compared_verified_and_delivered(world, compare, verify, ending):
    world.pull()
    day = (ending - DAY).date()
    found = verify()
    assert (found[day].state, found[day].reason) == ("read", "not compared with the source yet")
    compare()
    found = verify()
    assert found[day].state == "read"
    assert found[day].reason == f"splunk: {found[day].events:,} pending"
    ship(world)
    found = verify()
    assert found[day].state == "proven"
    assert found[day].destinations == {"splunk": {"delivered": found[day].events}}
    assert found[day].proven_at == found[day].verified_at == world.now
    assert found[day - DAY].state == "read", "the first comparison begins with the last day"


def test_a_proven_day_keeps_the_time_since_when_it_is(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    verify()
    later = world.now + timedelta(hours=2)
    assert at_turn(world, day + DAY, lambda: verify(later))[day].verified_at == world.now, "it is not its turn"
    found = at_turn(world, day, lambda: verify(later))[day]
    assert (found.proven_at, found.verified_at) == (world.now, later)


def test_every_event_of_the_spool_is_counted_on_its_day(world, verify):
    world.pull()
    found = verify()
    assert sum(each.events for each in found.values()) == len(world.pylon.ids())
    today, tomorrow = world.now.date(), world.now.date() + DAY
    assert found[today].state == "read"
    assert tomorrow not in found


def test_a_damaged_segment_takes_the_proof_from_its_days(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    assert verify()[day].state == "proven"
    (segment,) = (world.spool / "p/live").rglob("*.ndjson.gz")
    segment.write_bytes(segment.read_bytes()[:-9])
    with pytest.raises(AirflowFailException, match=r"has 1 faults, the first: p/live/.*verify' lists all"):
        verify()
    found = calendar(world)[day]
    assert (found.state, found.proven_at) == ("gap", None)
    assert segment.name in found.reason


def test_a_missing_manifest_takes_the_proof_from_every_day(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    verify()
    (manifest,) = (world.spool / "p/live").rglob("*.manifest.json.gz")
    manifest.unlink()
    with pytest.raises(AirflowFailException):
        verify()
    assert {each.state for each in calendar(world).values()} <= {"read", "gap"}


def test_a_gap_is_shown_on_each_of_its_days_also_once_it_is_acknowledged(world, verify):
    world.pull()
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", destination="splunk", too_old="dead_letter")
    found = verify()
    old = (world.now - timedelta(days=5)).date()
    assert found[old].state == "gap"
    assert "older than splunk accepts" in found[old].reason


def test_what_was_found_is_kept_as_evidence_with_the_days_that_changed(world, compare, verify, ending):
    world.pull()
    verify()
    compare()
    ship(world)
    verify(world.now + timedelta(minutes=1))
    first, second = events(world)
    day = str((ending - DAY).date())
    assert first["days"][day] == {"before": "unknown", "after": "read"}
    assert second["days"] == {day: {"before": "read", "after": "proven"}}
    assert (second["result"], second["faults"], second["proven"]) == ("all right", [], 1)


def test_a_day_whose_segments_are_gone_keeps_what_was_known(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    proven = verify()
    before = Calendar.load(LocalStore(world.spool), "p")
    old = (ending - timedelta(days=400)).date()
    kept = before.days[(ending - DAY).date()]
    made = Calendar(before.checked_at, before.result, {**proven, old: kept})
    keep(made, Variables(), LocalStore(world.spool), world.now)
    assert verify()[old] == kept


def test_a_destination_that_is_not_enabled_takes_no_proof(world, compare, verify, ending):
    entries = {"splunk": {"type": "splunk_hec"}, "off": {"type": "datadog", "enabled": False}}
    pipeline = pipeline_from("p", {"source": "pylon", "destinations": entries})
    world.pull()
    compare()
    ship(world)
    found = verify(pipeline=pipeline)[(ending - DAY).date()]
    assert found.state == "proven"
    assert found.destinations["off"] == {"pending": found.events}


def test_it_runs_in_a_process_that_knows_no_destinations_options(world, compare, verify, ending):
    delivery = replace(PIPELINE.destinations["splunk"], options=None)
    world.pull()
    compare()
    ship(world)
    found = verify(pipeline=replace(PIPELINE, destinations={"splunk": delivery}))
    assert found[(ending - DAY).date()].state == "proven"


def test_the_calendar_of_a_newer_version_is_refused(world, verify):
    world.pull()
    path = world.spool / "p/calendar/days.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 99}')
    with pytest.raises(AirflowFailException, match="newer version"):
        verify()


def test_the_verified_spool_has_no_fault_beside_the_calendar(world, verify):
    from audit_provider.core.verification import verify as read_again

    world.pull()
    verify()
    assert read_again(LocalStore(world.spool)).faults == ()
    assert MemoryLedger().keys() == []


def logged(world):
    return events(world, "audit_provider.entries")


def test_dead_letters_gaps_and_acknowledgements_are_logged_once(world, verify):
    world.pull()
    with pytest.raises(Exception, match="set aside"):
        world.ship("datadog", destination="splunk", too_old="dead_letter")
    verify()
    files = {str(path.relative_to(world.spool)): path for path in (world.spool / "p/live").rglob("*/dead/*/*.ndjson")}
    first, gaps = logged(world)
    assert first["files"] == {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in files.items()}
    ((name, gap),) = gaps["gaps"].items()
    assert (gap["kind"], gap["destination"]) == ("too_old", "splunk")
    verify(world.now + timedelta(minutes=1))
    assert len(logged(world)) == 2, "nothing is new"
    store = LocalStore(world.spool)
    acknowledge_gap(Variables(), store, PIPELINE, name, by="ada", note="asked")
    verify(world.now + timedelta(minutes=2))
    assert logged(world)[-1]["acknowledged"][name]["by"] == "ada"
    reopen_gap(Variables(), "p", name)
    verify(world.now + timedelta(minutes=3))
    assert logged(world)[-1]["withdrawn"] == [name]
    verify(world.now + timedelta(minutes=4))
    assert len(logged(world)) == 4


def test_many_files_are_named_in_several_events():
    files = {f"p/live/c/dead/d/{number:06d}": "x" for number in range(2 * MOST_FILES + 1)}
    made = Logged().new("p", files, [], utc_now())
    named = [json.loads(bytes(each.raw))["files"] for each in made]
    assert [len(each) for each in named] == [MOST_FILES, MOST_FILES, 1]
    assert {key: digest for each in named for key, digest in each.items()} == files
    assert len({each.id for each in made}) == 3


def test_a_gap_of_the_reconciliation_counts_also_where_nothing_came_late(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    assert verify()[day].state == "proven"
    assert not (world.spool / "p/reconcile").exists()
    kept = json.loads(world.variables.get("audit_logs.p.reconcile.cursor"))
    gap = {"wanted": text_of(ending - DAY), "possible": text_of(ending), "reason": "too many at once", "kind": "cap"}
    world.variables.set("audit_logs.p.reconcile.cursor", json.dumps(kept | {"gaps": [gap]}))
    found = verify()[day]
    assert (found.state, found.reason, found.proven_at) == ("gap", "too many at once", None)


def test_what_was_compared_of_another_account_or_source_proves_nothing(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    kept = json.loads(world.variables.get("audit_logs.p.reconcile.cursor"))
    for other in ({"account": "aaaaaaaaaaaa/bbbbbbbbbbbb"}, {"source": "slack"}):
        world.variables.set("audit_logs.p.reconcile.cursor", json.dumps(kept | other))
        found = verify()[day]
        assert (found.state, found.reason) == ("read", "not compared with the source yet")
    world.variables.set("audit_logs.p.reconcile.cursor", json.dumps(kept))
    assert verify()[day].state == "proven"


def test_the_days_of_an_account_that_replaced_another_are_not_proven(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    assert verify()[day].state == "proven"
    world.pylon.organization = "org-other"
    world.pylon.add(generate(50, ending - DAY, ending, seed=77))
    world.variables.delete("audit_logs.p.cursor")
    world.pull()
    ship(world)
    with pytest.raises(AirflowFailException, match="p/reconcile was read from another account"):
        compare()
    assert verify()[day].state == "read"
    world.variables.delete("audit_logs.p.reconcile.cursor")
    compare()
    assert verify()[day].state == "proven"


def test_a_day_that_a_record_may_be_of_which_could_not_be_read_is_not_proven(world, compare, verify, ending):
    world.pull()
    compare()
    ship(world)
    day = (ending - DAY).date()
    assert verify()[day].state == "proven"
    cursor = json.loads(world.variables.get("audit_logs.p.cursor"))
    stream = Stream(LocalStore(world.spool), "p/live", cursor["chain"])
    UnreadableRecords(stream).keep([Unreadable(b"{bad", "no JSON")], "pylon", world.now, since=ending - DAY / 2)
    cursor["counts"]["read"] += 1
    cursor["counts"]["set_aside"] = 1
    cursor["longest_lag"] = 0.0
    world.variables.set("audit_logs.p.cursor", json.dumps(cursor))
    said = "1 record that may be of this day could not be read: see 'audit-logs unreadable'"
    found = verify(world.now + timedelta(minutes=1))
    assert (found[day].state, found[day].reason, found[day].proven_at) == ("read", said, None)
    assert found[day + DAY].reason == f"not compared with the source yet; {said}"
    assert found[day - DAY].reason == "not compared with the source yet"
    assert verify(world.now + timedelta(minutes=2))[day] == found[day], "what could not be read stays so"


def test_a_day_before_live_reading_began_is_never_compared_and_not_yet_to_be(world, compare, verify, ending):
    cut = ending - 10 * DAY + timedelta(hours=6)
    window = {"start": text_of(cut - 10 * DAY), "end": text_of(cut)}
    world.pull(start=cut.isoformat())
    world.pull(window=window)
    ship(world)
    ship(world, windows=[window], source="pylon")
    store = LocalStore(world.spool)
    days = [(cut + each * DAY).date() for each in (-5, 0, 1)]
    began = f"never compared with the source: live reading began at {text_of(cut)}"
    said = [began, began, "not compared with the source yet"]
    found = verify()
    assert [(found[each].state, found[each].reason) for each in days] == [("read", each) for each in said]
    compare()
    found = verify()
    assert [found[each].reason for each in days] == said
    earlier = msgspec.structs.replace(found[days[0]], reason="not compared with the source yet")
    kept = Calendar.load(store, "p")
    keep(msgspec.structs.replace(kept, days={**kept.days, days[0]: earlier}), Variables(), store, world.now)
    assert verify()[days[0]].reason == began, "an earlier version wrote the other reason"
