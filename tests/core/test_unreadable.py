"""What a source sent and nobody can read: kept before the position moves, counted once, verified and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.__main__ import main
from audit_provider.core.ledger.event_account import table
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.model import PullCounts, Unreadable
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.streams.accounting import account
from audit_provider.core.streams.unreadable import UnreadableRecords, unpack_unreadable
from audit_provider.core.verification import verify
from tests.core.destinations.stand_ins import Crash
from tests.core.simulation import MemoryStore
from tests.core.sources.pulled import Pulled, page, record
from tests.core.sources.scripted import NOW

BAD = b'{"id":"x","secret":"\xff}'


def test_it_is_kept_before_the_position_moves_and_counted_once_after_a_crash():
    with Pulled(page(record("a"), BAD)) as pulled:
        with pytest.raises(Crash):
            pulled.run(crash=True)
        assert [each.content for each in pulled.set_aside()] == [BAD]
        assert pulled.position.counts == PullCounts()
        pulled.run()
        first = pulled.position.counts
        pulled.run(page(BAD, record("a"), b"{other}"))
    assert first == PullCounts(read=2, spooled=1, set_aside=1)
    assert pulled.position.counts == PullCounts(read=5, spooled=1, duplicates=2, set_aside=2)
    assert len(pulled.set_aside()) == 2


def test_what_another_stream_has_set_aside_is_not_set_aside_again():
    store = MemoryStore()
    with Pulled(page(BAD), store=store) as live:
        live.run()
    with Pulled(page(BAD), store=store) as other:
        other.stream = Stream(store, "p/reconcile")
        other.run(known=((live.stream, live.position.head),))
    assert other.position.counts == PullCounts(read=1, duplicates=1)
    assert other.set_aside() == []


def test_a_spool_that_cannot_be_written_moves_no_position():
    class Full(MemoryStore):
        def put(self, key, content):
            if "unreadable" in key:
                raise OSError("no space")
            super().put(key, content)

    with Pulled(page(record("a"), BAD), store=Full()) as pulled, pytest.raises(OSError):
        pulled.run()
    assert pulled.position == Position("s")


def test_the_account_adds_up_with_what_was_set_aside():
    with Pulled(page(record("a"), BAD)) as pulled:
        pulled.run()
    found = account(pulled.stream, "s3", pulled.position, None)
    assert (found.read, found.spooled, found.set_aside, found.adds_up) == (2, 1, 1, True)
    assert "set aside" in table([found])
    assert not replace(found, set_aside=0).adds_up


def test_a_position_of_the_first_version_is_read():
    kept = '{"source":"s","counts":{"read":3,"spooled":2,"duplicates":1}}'
    assert POSITIONS.unpack(kept, "x").counts == PullCounts(read=3, spooled=2, duplicates=1)


def test_bytes_that_are_no_text_are_kept_as_they_are():
    store = MemoryStore()
    kept = UnreadableRecords(Stream(store, "p/live"))
    kept.keep([Unreadable(b"\x00\xff", "no JSON"), Unreadable("Jürg".encode(), "no JSON")], "s", NOW)
    assert {each.content for _, each in kept.read()} == {b"\x00\xff", "Jürg".encode()}
    assert all(json.loads(content)["source"] == "s" for content in store.objects.values())


def test_verification_looks_at_it():
    with Pulled(page(record("a"), BAD)) as pulled:
        pulled.run()
    assert verify(pulled.store).faults == ()
    (key,) = (key for key in pulled.store.objects if "unreadable" in key)
    pulled.store.objects[key] = pulled.store.objects[key].replace(b'"record":"', b'"record":"eA==')
    (fault,) = verify(pulled.store).faults
    assert (fault.kind, fault.file) == ("damaged", key)


def test_a_person_can_list_and_read_it(tmp_path, capsysbinary):
    with Pulled(page(BAD, record("a"), b"{other}"), store=LocalStore(tmp_path)) as pulled:
        pulled.run()
    assert main(["unreadable", str(tmp_path)]) == 0
    *lines, last = capsysbinary.readouterr().out.decode().splitlines()
    assert last == "2 unreadable records"
    names = {line.split()[-1]: line for line in lines}
    assert all("not JSON from its byte" in line and "  s  " in line for line in lines)
    shown = []
    for name in names:
        assert main(["unreadable", str(tmp_path), "--show", name]) == 0
        shown.append(capsysbinary.readouterr().out)
    assert sorted(shown) == sorted([BAD, b"{other}"])
    assert main(["unreadable", str(tmp_path), "--pipeline", "p"]) == 0
    assert main(["unreadable", str(tmp_path), "--show", "p/live/unreadable/nothing.json"]) == 1


def test_a_record_that_no_number_can_hold_is_kept_as_it_came():
    huge = b'{"id":%b,"at":"2026-02-28T23:00:00Z"}' % (b"9" * 5000)
    with Pulled(page(huge, record("a"))) as pulled:
        pulled.run()
        assert pulled.records.repaired == 0
    assert pulled.raws()[0] == huge
    assert pulled.events()[0].id == "9" * 5000


def test_it_says_since_when_it_may_have_been_made():
    with Pulled(page(record("a"), BAD)) as pulled:
        pulled.run()
        (kept,) = pulled.set_aside()
    assert NOW - timedelta(days=2) < kept.since <= NOW - timedelta(days=1)
    written = json.loads(pulled.stream.get_beside(next(pulled.stream.names_beside("unreadable/"))))
    del written["since"]
    content = json.dumps(written).encode()
    name = next(pulled.stream.names_beside("unreadable/")).rpartition("/")[2]
    assert unpack_unreadable(content, name).since is None, "an earlier version has kept it"
