"""Dead letters in the hands of one who can write the spool alone: nothing false is sent, and all of it is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta

import pytest

from audit_provider.core.model import text_of, utc_now
from audit_provider.core.spool import LocalStore
from audit_provider.core.streams.open_stream import open_stream
from audit_provider.core.verification import Progress, verify
from audit_provider.operators import ReportAuditLogsOperator
from audit_provider.sandbox.events import generate
from audit_provider.state import OffsetVariable, PositionVariable, StreamName, Variables
from tests.operators.conftest import context
from tests.operators.test_redrive import poisoned, set_aside_by_s3  # noqa: F401

NAME = StreamName("p")


@pytest.fixture
def aside(world, poisoned):  # noqa: F811
    """Three events that S3 has not taken."""
    set_aside_by_s3(world, poisoned)
    return poisoned


def found(world):
    progress = Progress(PositionVariable(NAME).load(), OffsetVariable(NAME, "s3").load())
    return verify(LocalStore(world.spool), progress={"p/live": progress}, destination="s3")


def told(world):
    report = ReportAuditLogsOperator(task_id="r", pipeline="p", destinations=["s3"], spool=f"file://{world.spool}")
    return report.execute(context())[0]["dead_letters"]


def files(world):
    return sorted(world.spool.rglob("dead/s3/*.ndjson"))


def rewrite(path, **changes):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(each | changes) + "\n" for each in lines))


def test_letters_that_nobody_touched_are_all_right_before_and_after_they_are_sent_again(world, aside):
    assert (found(world).exit_code, told(world)) == (0, 3)
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    assert (found(world).exit_code, told(world)) == (0, 0)


def test_letters_that_were_deleted_are_missed(world, aside):
    files(world)[0].unlink()
    assert [fault.kind for fault in found(world).faults] == ["missing"]
    assert told(world) == 3


def test_a_letter_whose_event_was_changed_is_named_and_the_spools_own_event_is_sent(world, aside):
    for path in files(world):
        rewrite(path, event={"id": "x", "action": "forged"})
    assert {fault.kind for fault in found(world).faults} == {"damaged"}
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_a_letter_under_another_id_is_not_sent(world, aside):
    for path in files(world):
        rewrite(path, id="invented", event={"id": "invented"})
    assert found(world).exit_code == 1
    assert aside.ship("s3", redrive=True)["redriven"] == 0
    assert len(world.s3_ids()) == 700


def test_a_record_of_ones_own_closes_no_letter(world, aside):
    lines = [{"name": f"dead/s3/{path.name}", "number": 0} for path in files(world)]
    content = json.dumps({"at": text_of(utc_now()), "taken": lines, "filtered": [], "refused": []}).encode()
    folder = files(world)[0].parent / "redriven"
    folder.mkdir()
    (folder / f"20300101T000000.000000Z-{hashlib.sha256(content).hexdigest()[:16]}.json").write_bytes(content)
    assert [fault.kind for fault in found(world).faults] == ["foreign"]
    assert told(world) == 3
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_letters_in_a_chain_that_no_record_knows_are_named_and_not_sent(world, aside):
    (path,) = files(world)[:1]
    invented = world.spool / "p/live/20250101T000000Z-0000/dead/s3"
    invented.mkdir(parents=True)
    shutil.copy(path, invented / path.name)
    rewrite(invented / path.name, id="invented", event={"id": "invented"})
    assert "foreign" in [fault.kind for fault in found(world).faults]
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    assert "invented" not in world.s3_ids()
    assert found(world).exit_code == 1


def test_letters_whose_segment_retention_removed_are_proven_by_the_record_of_the_offset(world, aside):
    world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    aside.ship("s3")
    opened = open_stream(Variables(), LocalStore(world.spool), NAME)
    future = world.now + timedelta(days=40)
    opened.stream.prune(finished=opened.head.number - 1, written_before=future, now=future)
    assert opened.stream.oldest() == opened.head.number
    rewrite(files(world)[-1], reason="forged", event={"id": "forged"})
    assert aside.ship("s3", redrive=True)["redriven"] == 0, "the last file leads to the others, and it was changed"
    assert "forged" not in world.s3_ids()
    assert found(world).exit_code == 1


def test_letters_outlive_their_segments(world, aside):
    world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    aside.ship("s3")
    opened = open_stream(Variables(), LocalStore(world.spool), NAME)
    future = world.now + timedelta(days=40)
    assert opened.stream.prune(finished=opened.head.number - 1, written_before=future, now=future)
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    assert world.s3_ids() == sorted(world.pylon.ids())


def test_a_redrive_record_that_was_removed_is_missed_and_its_letters_go_again(world, aside):
    assert aside.ship("s3", redrive=True)["redriven"] == 3
    for path in world.spool.rglob("dead/s3/redriven/*.json"):
        path.unlink()
    assert found(world).exit_code == 1
