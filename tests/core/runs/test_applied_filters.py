"""Every small history of shipping and of changed filters: what is said of an event is what the destination has got."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.ledger.position import EarlierSource, Position, new_chain
from audit_provider.core.ledger.records import position_record
from audit_provider.core.model import Event, Fields, PullCounts, Window
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.records.selection import Selection, Selector
from audit_provider.core.runs.applied_filters import DELIVERED_OR_FILTERED, AppliedFilters, FilterChange
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.runs.configurations import configuration_of
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.runs.event_story import fates
from audit_provider.core.runs.evidence_pack import collect
from audit_provider.core.runs.own_streams import CONFIGURATION_ACTION, evidence_event, spool_evidence
from audit_provider.core.runs.proving import Evidence
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.spool import SegmentWriter
from tests.core.destinations.stand_ins import Listed
from tests.core.runs.conftest import LIVE, NOW, Kept, shipment

HOUR = timedelta(hours=1)
FIELDS = (Fields("id", "at", action="action"), Fields("id", "at", action="kind"))
"""Where two sources say what happened."""


class History:
    """A pipeline whose events are of two actions, and whose destination may leave out one of them."""

    def __init__(self):
        self.kept = Kept()
        self.now = NOW
        self.far = Listed()
        self.omit = []
        self.fields = 0

    @property
    def pipeline(self):
        served = {"far": {"type": "s3", "bucket": "b", "except": self.omit}}
        return pipeline_from("p", {"source": "pylon", "destinations": served})

    def spool(self):
        record = position_record(self.kept.ledger, LIVE)
        position = record.load() or Position("pylon", new_chain(self.now), fields=FIELDS[self.fields])
        segment = SegmentWriter(self.now)
        key = FIELDS[self.fields].action
        names = [f"{action}{self.now:%d%H}" for action in "ab"]
        segment.add([Event(each, self.now, msgspec.Raw(json.dumps({key: each[0]}).encode())) for each in names])
        head = LIVE.stream(self.kept.store, position).append(segment, position.head, self.now)
        record.commit(replace(position, head=head, counts=position.counts + PullCounts(2, 2)))

    def ship(self):
        delivery = self.pipeline.destinations["far"]

        def connect(position):
            select = Selector(delivery.selection, origin_of("p", "pylon", position).fields).select
            return self.far, Terms(sleep=lambda _: None, now=lambda: self.now, tries=1, select=select)

        run = shipment(self.kept, self.far, now=self.now, configuration=configuration_of(delivery))
        run.connect = connect
        run.ship([LIVE])

    def filter(self):
        self.omit = [] if self.omit else ["b"]

    def exchange(self):
        """Read another source from now on."""
        record = position_record(self.kept.ledger, LIVE)
        if (position := record.load()) and position.head.number:
            self.fields = 1 - self.fields
            own = EarlierSource(position.head.number, position.source, position.fields)
            earlier = (*position.earlier_sources, own)
            record.commit(replace(position, fields=FIELDS[self.fields], earlier_sources=earlier))

    def begin_anew(self):
        self.kept.ledger.delete(LIVE.cursor_key)

    def live(self, steps):
        acts = {"L": self.spool, "S": self.ship, "F": self.filter, "C": self.exchange, "N": self.begin_anew}
        for each in steps:
            self.now += HOUR
            acts[each]()
        return self

    def stories(self):
        """Return what the stories of all events say, by event, and the events of the present chain."""
        ledger, store = self.kept.ledger, self.kept.store
        evidence, states, present = Evidence(ledger, store, "p"), {}, set()
        for found in search(ledger, store, Wanted(start=NOW), pipeline="p", fields=lambda _: None):
            if found.name == LIVE:
                (fate,) = fates(ledger, found, dict(self.pipeline.destinations), "pylon", evidence)
                states[found.event.id] = fate.state
                if found.is_proven:
                    present.add(found.event.id)
        return states, present

    def pack(self):
        """Return what the pack counts."""
        span, counts = Window(NOW, self.now + HOUR), Counter()
        facts = collect(self.kept.ledger, self.kept.store, self.pipeline, span, made_at=self.now, version="1")
        for day in facts.days.values():
            counts.update(day.destinations["far"])
        return counts


@pytest.mark.parametrize(("letters", "steps"), [("LSF", 5), ("LSFC", 4), ("LSFN", 4)])
def test_what_is_said_of_each_event_is_what_the_destination_has_got(letters, steps):
    wrong = {}
    for some in itertools.product(letters, repeat=steps):
        history = History().live(("L", *some))
        states, present = history.stories()
        said = {each for each, state in states.items() if state == "delivered"}
        left = {each for each, state in states.items() if state == "filtered"}
        unknown = {each for each, state in states.items() if state == "unknown"} - present
        stored = {each for each in states if each in history.far.stored} - unknown
        if said != stored or left & stored or history.pack() != Counter(states[each] for each in present):
            wrong["".join(("L", *some))] = states, history.far.stored, history.pack()
    assert not wrong


BEFORE, NOW_ALL = Selection(omit=("b",)), Selection()
CHAIN, NEXT = (f"{each:%Y%m%dT%H%M%SZ}-{end}" for each, end in ((NOW, "0a1b"), (NOW + HOUR, "2c3d")))
"""Names of two chains, the second begun an hour later."""


def change(**further):
    kept = FilterChange("far", LIVE.folder, CHAIN, (2, 1), 0, NOW, BEFORE)
    return replace(kept, **further)


@pytest.mark.parametrize(
    ("chain", "known", "place", "written_at", "filters"),
    [
        (CHAIN, change(), (2, 0), NOW + HOUR, [BEFORE]),
        (CHAIN, change(), (2, 1), NOW - HOUR, [NOW_ALL]),
        (CHAIN, change(again=3), (2, 0), NOW - HOUR, [BEFORE, NOW_ALL]),
        (CHAIN, change(again=3), (2, 0), NOW, [NOW_ALL]),
        (CHAIN, change(stream="", chain=None), (1, 0), NOW - HOUR, [BEFORE, NOW_ALL]),
        (CHAIN, change(stream="", chain=None), (1, 0), NOW + HOUR, [NOW_ALL]),
        (CHAIN, change(chain=None), (1, 0), NOW - HOUR, [NOW_ALL]),
        (CHAIN, change(chain=NEXT), (1, 0), NOW - HOUR, [BEFORE]),
        (NEXT, change(), (1, 0), NOW - HOUR, [NOW_ALL]),
        ("c", change(), (1, 0), NOW - HOUR, [BEFORE, NOW_ALL]),
    ],
)
def test_where_it_is_not_known_under_which_filters_an_event_was_passed_all_of_them_count(
    chain, known, place, written_at, filters
):
    assert AppliedFilters(chain, NOW_ALL, [known]).under(place, written_at) == filters


def test_the_pack_and_the_story_say_where_it_is_not_known():
    """A change that an earlier version has kept says nothing of the place."""
    history = History().live("LSF")
    offset = history.kept.offset()
    record = {
        "action": CONFIGURATION_ACTION,
        "subject": "far",
        "difference": {"except": {"before": [], "after": ["b"]}},
        "configuration": {"only": [], "except": ["b"]},
    }
    later = history.now + HOUR
    spool_evidence(
        history.kept.ledger, history.kept.store, "p", [evidence_event("configuration-1", later, record)], later
    )
    after = configuration_of(history.pipeline.destinations["far"])
    history.kept.keep_offset(replace(offset, configuration=after))
    states, _ = history.stories()
    assert sorted(states.values()) == ["delivered", DELIVERED_OR_FILTERED]
    assert history.pack() == Counter(states.values())
