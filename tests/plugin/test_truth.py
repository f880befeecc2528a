"""Whatever becomes of sources and destinations: where any event is late or unknown, nothing on the page says "fine".

The page's model is driven through every state that pipelines get into, by the records and the facts of Airflow that
each leaves. What is true is drawn with it, and known to the test alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.ledger.health import SourceHealth
from audit_provider.core.ledger.position import POSITIONS, Position, with_segment
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.model import Gap, Offset, PullCounts, ShipCounts
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.spool import Head
from audit_provider.plugin.all_pipelines import totals_of, verdict_of
from audit_provider.plugin.dag_facts import DagFacts
from audit_provider.plugin.overview import JudgedPipelines, view_of
from audit_provider.plugin.progress import Records, progress_of

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVENTS = 100
"""Of each segment; a stream has ten."""

SOURCES = ("well", "down", "killed", "refused", "slow", "hanging", "stopped", "never", "gap", "newer", "withheld")
DESTINATIONS = ("well", "down", "killed", "behind", "off", "letters", "never", "lost", "withheld", "unknown", "ahead")
DAGS = ("well", "running", "none", "paused", "stale", "withheld", "unplanned", "standing")
MONITORED = st.booleans()


@dataclass
class World:
    """One pipeline as it truly is, and what it has left. :ivar true: whether every event is known to be in time."""

    name: str
    true: bool = True
    texts: dict[str, str] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)
    enabled: dict[str, bool] = field(default_factory=dict)
    dag: DagFacts | None = None
    monitoring: bool = False

    def keep(self, key, record):
        self.texts[str(key)] = msgspec.json.encode(record).decode()

    def parts(self):
        """Return the pipeline, and its records as the page reads them."""
        served = {
            name: {"type": "splunk_hec", "conn_id": name, "enabled": enabled} for name, enabled in self.enabled.items()
        }
        entry = {"source": "pylon", "destinations": served, "schedule": "@hourly", "monitoring": self.monitoring}
        pipeline = pipeline_from(self.name, entry)
        records = Records()
        for key, text in self.texts.items():
            records.add(key, text)
        for key in self.withheld:
            records.add(key, None, readable=False)
        return pipeline, progress_of(pipeline, records.of(self.name))

    def view(self):
        pipeline, progress = self.parts()
        return view_of(pipeline, progress, self.dag, root="", now=NOW)


def dag_of(state):
    """Return what Airflow says where the last run ended ten minutes ago, or where something is wrong with the DAG."""
    began = NOW - 20 * MINUTE
    well = DagFacts(
        next_run=NOW + 40 * MINUTE,
        run_id="r",
        run_state="success",
        run_at=NOW - 10 * MINUTE,
        ended_id="r",
        ended_state="success",
        ended_began=began,
        ended_at=NOW - 10 * MINUTE,
    )
    running = {"run_id": "r2", "run_state": "running", "run_at": NOW - MINUTE}
    return {
        "well": well,
        "running": replace(well, **running),
        "none": None,
        "paused": replace(well, paused=True),
        "stale": replace(well, stale=True),
        "withheld": DagFacts(withheld=True),
        "unplanned": replace(well, next_run=None),
        "standing": replace(well, next_run=NOW - 2 * HOUR),
    }[state]


@st.composite
def worlds(draw, name="p"):
    source, dag = draw(st.sampled_from(SOURCES)), draw(st.sampled_from(DAGS))
    world = World(name, dag=dag_of(dag), monitoring=False)
    # A DAG without a planned run is no proof of anything late while the source was read a moment ago.
    world.true = source == "well" and dag in ("well", "running", "unplanned")
    facts = {}
    live = StreamName(name)
    age = draw(st.integers(0, 55))
    times = ()
    for number in range(1, 11):
        times = with_segment(times, number, NOW - timedelta(minutes=age) - (10 - number) * HOUR)
    read_at = NOW - 15 * MINUTE
    position = Position(
        source="pylon",
        chain="c",
        head=Head(10, "d" * 64, 10 * EVENTS),
        counts=PullCounts(10 * EVENTS, 10 * EVENTS),
        watermark=read_at,
        updated_at=read_at,
        complete=True,
        completed_at=read_at,
        spooled_at=times,
    )
    health = SourceHealth()
    late = timedelta(minutes=draw(st.integers(61, 10_000)))
    if source in ("down", "refused"):
        health = SourceHealth(draw(st.integers(1, 9)), NOW - late, NOW, "r", "it answers 401")
        position = replace(position, updated_at=NOW - late, completed_at=NOW - late, watermark=NOW - late)
    elif source == "killed":
        facts = {"ended_state": "failed", "failed": ("pull",)}
        position = replace(position, updated_at=NOW - late, completed_at=NOW - late)
    elif source == "slow":
        earlier = draw(st.sampled_from([None, NOW - 20 * HOUR]))
        position = replace(position, complete=False, completed_at=earlier, watermark=NOW - late)
    elif source == "hanging":
        facts = {"run_state": draw(st.sampled_from(["running", "queued"])), "run_at": NOW - late}
        position = replace(position, updated_at=NOW - late, completed_at=NOW - late, watermark=NOW - late)
    elif source == "stopped":
        facts = {"next_run": NOW - late, "run_state": "success"}
        position = replace(position, updated_at=NOW - late, completed_at=NOW - late, watermark=NOW - late)
    elif source == "gap":
        position = replace(position, gaps=(Gap(NOW - 9 * HOUR, NOW - 8 * HOUR, "it keeps no more", "look_back"),))
    elif source == "newer":
        health = replace(health, version=99)
    elif source == "withheld":
        world.withheld.append(str(RecordKey("source", live)))
    if world.dag and not world.dag.withheld:
        world.dag = replace(world.dag, **facts)
    if source != "never":
        world.texts[live.cursor_key] = POSITIONS.pack(position)
    if source != "withheld":
        world.keep(RecordKey("source", live), health)
    for place in range(draw(st.integers(1, 3))):
        _serve(draw, world, f"d{place}", draw(st.sampled_from(DESTINATIONS)), source)
    return world


def _serve(draw, world, name, state, source):
    live = StreamName(world.name)
    world.enabled[name] = state != "off"
    world.true = world.true and state == "well"
    offset = Offset(
        segment=11,
        chain="c",
        counts=ShipCounts(delivered=10 * EVENTS),
        last_success=NOW - 12 * MINUTE,
        passed="d" * 64,
    )
    segment = draw(st.integers(1, 8))  # of which the youngest was written two hours ago
    left = replace(offset, segment=segment, counts=ShipCounts(delivered=EVENTS * (segment - 1)))
    key = live.offset_key(name)
    if state == "down":
        offset = replace(left, failures_in_a_row=draw(st.integers(1, 9)), last_error="refused")
    elif state == "killed":
        offset = replace(offset, last_success=NOW - HOUR)
        if world.dag and not world.dag.withheld:
            failed = (*world.dag.failed, f"ship_{name}")
            world.dag = replace(world.dag, ended_id="r", ended_state="failed", failed=failed)
        else:
            world.true = False
    elif state == "behind" or (state == "off" and draw(st.booleans())):
        offset = left
    elif state == "letters":
        offset = replace(offset, counts=ShipCounts(delivered=10 * EVENTS - 2, dead_lettered=2))
    elif state == "lost":
        world.texts[key] = "nonsense"
        return
    elif state == "withheld":
        world.withheld.append(key)
        return
    elif state == "never":
        return
    elif state == "unknown":
        if source != "never":
            kept = msgspec.json.decode(world.texts[live.cursor_key])
            world.texts[live.cursor_key] = msgspec.json.encode(kept | {"spooled_at": []}).decode()
        offset = replace(offset, segment=10, counts=ShipCounts(delivered=9 * EVENTS))
    elif state == "ahead":
        offset = replace(offset, counts=ShipCounts(delivered=11 * EVENTS))
    world.texts[key] = msgspec.json.encode(offset).decode()


@settings(max_examples=400)
@given(st.lists(worlds(), min_size=1, max_size=4), st.integers(0, 2), st.sampled_from(["", "", "", "bad: no source"]))
def test_where_any_event_is_late_or_unknown_nothing_says_fine(drawn, hidden, mistakes):
    several = [replace(each, name=each.name) for each in drawn]
    views = [each.view() for each in several]
    for world, view in zip(several, views, strict=True):
        assert (view.state == "ok") == world.true, (world, view)
        if view.state in ("critical", "warning"):
            assert view.problems, "what is wrong is said"
    verdict = verdict_of(views, hidden=hidden, mistakes=mistakes)
    fine = all(each.true for each in several) and not hidden and not mistakes
    assert (verdict.state == "ok") == fine, verdict
    assert ("fine" in verdict.text) == fine, verdict
    totals = totals_of(views)
    assert totals.current <= totals.sources == len(views)
    assert totals.delivering <= totals.destinations
    if fine:
        assert (totals.current, totals.delivering) == (totals.sources, totals.destinations)


@settings(max_examples=200)
@given(worlds())
def test_the_part_that_is_late_or_unknown_is_not_fine_itself(world):
    view = world.view()
    for each in view.destinations:
        if not each.enabled:
            assert each.state == "off"
        waits = each.pending and (each.waiting_since is None or NOW - each.waiting_since > HOUR)
        if each.enabled and (waits or each.failures_in_a_row or each.dead_letters):
            assert each.state not in ("ok", "off", "new"), each
    if view.reading.failures_in_a_row:
        assert view.reading.state == "critical"
    if view.reading.last_complete is None:
        assert view.reading.state != "ok"


@settings(max_examples=200)
@given(worlds(), st.lists(st.integers(0, 900), min_size=2, max_size=8))
def test_what_is_kept_of_a_pipeline_is_what_judging_it_again_would_say(world, seconds):
    pipeline, progress = world.parts()
    judged = JudgedPipelines()
    for now in (NOW + timedelta(seconds=each) for each in sorted(seconds)):
        fresh = view_of(pipeline, progress, world.dag, root="", now=now)
        assert judged.read(pipeline, progress, world.dag, root="", now=now) == replace(fresh, lag=None)


def test_what_is_kept_is_judged_again_where_a_record_the_dag_or_the_clock_has_changed():
    world = World("p", enabled={"d0": True}, dag=dag_of("well"))
    pipeline, progress = world.parts()
    judged = JudgedPipelines()
    first = judged.read(pipeline, progress, world.dag, root="", now=NOW)
    assert judged.read(pipeline, progress, dag_of("well"), root="", now=NOW + MINUTE) is first
    for changed in (
        judged.read(pipeline, world.parts()[1], world.dag, root="", now=NOW + MINUTE),
        judged.read(pipeline, progress, dag_of("paused"), root="", now=NOW + MINUTE),
        judged.read(pipeline, progress, world.dag, root="/below", now=NOW + MINUTE),
        judged.read(pipeline, progress, world.dag, root="/below", now=NOW),
    ):
        assert changed is not first


def test_nothing_that_can_be_read_is_never_fine():
    assert verdict_of([]).state == "new"
    assert verdict_of([], hidden=3).text == "None of the 3 pipelines may be read by you"
    assert (verdict_of([], hidden=3).state, verdict_of([], mistakes="x").state) == ("unknown", "critical")


def test_what_has_not_run_is_counted():
    never = World("p", enabled={"d0": True}, dag=dag_of("unplanned")).view()
    verdict = verdict_of([never] * 5)
    assert (verdict.state, verdict.text) == ("new", "5 of 5 have not run yet")
    assert verdict_of([never, replace(never, state="off"), replace(never, state="ok")]).text == (
        "1 never run, 1 off of 3 pipelines"
    )
