"""Work of the page that does not end in time takes nothing from other requests."""

from __future__ import annotations

import threading

import pytest

from audit_provider.core.errors import UnavailableError
from audit_provider.plugin.within import reading_within, within
from tests.core.simulation import MemoryStore


class Slow(MemoryStore):
    """Objects that keep a reader until they are let go. :ivar read: how many were."""

    def __init__(self):
        super().__init__()
        self.go, self.ended, self.read = threading.Event(), threading.Semaphore(0), 0

    def get(self, key):
        self.read += 1
        self.go.wait(60)
        return b"x"


def read_all(store, slow):
    try:
        return [store.get(str(number)) for number in range(100)]
    finally:
        slow.ended.release()


def test_readers_that_run_out_of_time_stop_and_leave_the_threads_of_others_alone():
    slow = Slow()
    for _ in range(6):
        with pytest.raises(UnavailableError, match="no answer within 0 s"):
            reading_within(0.05, lambda: slow, lambda store: read_all(store, slow))
    assert within(30, lambda: "an answer") == "an answer"
    slow.go.set()
    begun = slow.read
    assert 1 <= begun <= 2, "the others have never begun"
    for _ in range(begun):
        assert slow.ended.acquire(timeout=30)
    assert slow.read == begun, "the next object ends it"
    assert reading_within(30, MemoryStore, lambda store: store.folders("")) == []


def test_a_reader_gets_what_the_store_has():
    store = MemoryStore()

    def work(timed):
        timed.put("a/b", b"1")
        timed.put("a/c", b"2")
        timed.delete("a/c")
        return timed.get("a/b"), list(timed.keys("a/")), list(timed.names("a/")), timed.folders(""), str(timed)

    assert reading_within(30, lambda: store, work) == (b"1", ["a/b"], ["b"], ["a"], str(store))
