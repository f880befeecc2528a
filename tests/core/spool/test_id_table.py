"""The large set of ids: exact, however many and whatever they look like."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_provider.core.model import Event, utc_now
from audit_provider.core.spool import RecentIds, ids
from audit_provider.core.spool.ids import IdTable

ODD = ["", "\n", '"', '","', "\x00", "ü", "😀", "a" * 5000]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a table begin so small that it grows many times, with lots of few ids."""
    monkeypatch.setattr(ids, "_FIRST_SLOTS", 8)
    monkeypatch.setattr(ids, "_LOT", 5)


def event(name: str) -> Event:
    return Event(name, utc_now(), msgspec.Raw(b"{}"))


@given(st.lists(st.lists(st.one_of(st.text(max_size=3), st.sampled_from(ODD)), max_size=30), max_size=20))
@settings(max_examples=300)
def test_it_says_what_a_set_would(pages: list[list[str]]) -> None:
    table, known = IdTable(), set[str]()
    try:
        for page in pages:
            names = list(dict.fromkeys(page))
            assert table.add(names) == [name for name in names if name not in known]
            known.update(names)
    finally:
        table.close()


def test_ids_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "hash", lambda _: 7, raising=False)
    table = IdTable()
    names = [str(number) for number in range(300)]
    assert table.add(names) == names
    assert table.add([*names, "new"]) == ["new"]
    table.close()


def test_recent_ids_admit_each_event_once_before_and_after_they_leave_memory() -> None:
    recent = RecentIds(most_in_memory=10)
    names = [str(uuid.UUID(int=number)) for number in range(400)]
    admitted: list[str] = []
    for begin in range(0, 400, 8):
        page = [event(name) for name in (*names[max(begin - 20, 0) : begin + 8], names[begin])]
        admitted += [each.id for each in recent.admit(page)]
    recent.remember(names)
    assert admitted == names
    assert [each.id for each in recent.admit([event(names[3]), event("new"), event("new")])] == ["new"]
    recent.close()
