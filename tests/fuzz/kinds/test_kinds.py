"""Runs over the new kinds of sources, with kills, faults and a moving clock. The law: every event once, or a gap."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from datetime import timedelta

import pytest

from audit_provider.core.errors import AuditError, RefusedError
from audit_provider.core.records import events as records
from audit_provider.core.records.fields import getter_of, parts_of
from audit_provider.core.sources.page_records import Exploder
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.sources.request import Way
from audit_provider.core.sources.statement import StatementPaging
from tests.core.destinations.stand_ins import Crash
from tests.fuzz.conftest import EXAMPLES
from tests.fuzz.kinds.worlds import WORLDS, GoogleWorkspace, Microsoft365, SnowflakeTable, world_of

SEEDS = range(max(2, EXAMPLES // 10))
STEPS = 7
FAULTS = (
    ("status", {"status": 500}),
    ("status", {"status": 503, "headers": {"Retry-After": "7"}}),
    ("status", {"status": 429}),
    ("status", {"status": 401, "body": "{}"}),
    ("cut", {}),
    ("html", {}),
    ("garbage", {}),
)


def lived(kind, seed, monkeypatch):
    """Let a world live through a history, and recover; return what breaks the law, a sentence each."""
    dice = random.Random(seed)
    with world_of(kind, monkeypatch) as world:
        desk = world.desk
        start = desk.now - timedelta(days=1)
        for _ in range(STEPS):
            desk.now += timedelta(seconds=dice.choice((60, 300, 3600, 20_000)))
            world.happen(dice)
            if dice.random() < 0.5:
                fault, details = dice.choice(FAULTS)
                count = dice.choice((1, 2, 20))
                world.service.faults.add(fault, after=dice.randrange(12), count=count, **details)
            with contextlib.suppress(AuditError, Crash):
                desk.run(start=start, commits=dice.choice((None, None, None, 0, 1, 2, 5)))
            if dice.random() < 0.5:
                world.service.faults.clear()
        world.service.faults.clear()
        for _ in range(8):
            desk.now += timedelta(hours=12)
            getattr(world, "show", lambda: None)()
            desk.run(start=start)
        held, served = Counter(event.id for event in desk.events()), set(world.served)
        missing = served - held.keys()
        said = [f"{name} is held {count} times" for name, count in held.items() if count > 1]
        said += [f"{name} was never served" for name in held.keys() - served]
        said += [f"{name} is missing" for name in missing - world.losable]
        if missing and not desk.gaps:
            said.append("something is missing, and no gap says so")
        stopped = getattr(world, "stopped", False)
        gaps = [gap for gap in desk.gaps if not (stopped and "had been stopped" in gap.reason)]
        said += [f"{gap} without a loss" for gap in gaps if not world.losable]
        refused = getattr(world.service, "refused", ())
        said += [f"the stand-in refused: {each}" for each in refused if "does not exist" not in each]
        assert served, "a history in which nothing happens proves nothing"
        return said


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", WORLDS, ids=lambda each: each.__name__)
def test_every_event_is_read_once_or_a_gap_says_that_it_is_lost(kind, seed, monkeypatch):
    assert lived(kind, seed, monkeypatch) == []


def only_the_first_element(patch):
    """Of a record with several events, the first is taken for all."""
    patch.setattr(Exploder, "_parts", lambda self, event: [event])


def the_last_value_is_the_id(patch):
    """An id of several values is the last one alone."""
    patch.setattr(records, "joined_getter_of", lambda path: getter_of(parts_of(path)[-1]))


def an_expired_file_is_no_loss(patch):
    """A file that is gone is passed over without a word."""
    whole = FileExport._rows

    def rows(self, reader, kept, span, file, files):
        try:
            return (yield from whole(self, reader, kept, span, file, files))
        except AuditError:
            return kept, 0

    patch.setattr(FileExport, "_rows", rows)


def files_are_listed_once(patch):
    """What was listed up to a time is never looked for again."""
    whole = FileExport._next

    def following(self, reader, kept, target):
        span = whole(self, reader, kept, target)
        return type(span)(max(span.start, kept.window_end or span.start), span.end)

    patch.setattr(FileExport, "_next", following)


def rows_are_not_counted(patch):
    """A part of a result is the last one where it says nothing else."""
    whole = StatementPaging.read

    def read(self, shown):
        way = whole(self, shown)
        return Way("", more=False) if shown.asked else way

    patch.setattr(StatementPaging, "read", read)


PLANTED = (
    (GoogleWorkspace, only_the_first_element),
    (GoogleWorkspace, the_last_value_is_the_id),
    (Microsoft365, an_expired_file_is_no_loss),
    (Microsoft365, files_are_listed_once),
    (SnowflakeTable, rows_are_not_counted),
)


@pytest.mark.parametrize(("kind", "fault"), PLANTED, ids=lambda each: each.__name__)
def test_a_fault_that_is_planted_is_found(kind, fault, monkeypatch):
    fault(monkeypatch)
    for seed in range(8):
        try:
            if lived(kind, seed, monkeypatch):
                return
        except (AuditError, RefusedError):
            return
    raise AssertionError(f"nothing noticed: {fault.__doc__}")
