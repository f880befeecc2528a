"""What an earlier version has kept is read by this one; what a later one has kept is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.position import POSITIONS
from audit_provider.core.model import utc_now
from audit_provider.core.spool import Head, LocalStore, Stream
from audit_provider.core.spool.segment import SegmentWriter, unpack_manifest
from audit_provider.core.text.state_version import DISCARDS, STATE_VERSION
from audit_provider.core.verification import verify
from audit_provider.sandbox.events import generate
from tests.core.destinations.stand_ins import event

KEPT = Path(__file__).parent / "kept"
CURSOR, OFFSET = "audit_logs.p.cursor", "audit_logs.p.to.splunk_hec"


@pytest.fixture(params=sorted(path.name for path in KEPT.iterdir()))
def kept(request, world):
    """A world whose spool and Variables were left by an earlier version: 25 events, 5 of them pending."""
    folder = KEPT / request.param
    shutil.copytree(folder / "spool", world.spool)
    for path in (folder / "variables").iterdir():
        world.variables.set(path.name, path.read_text())
    return world


def test_the_spool_of_an_earlier_version_is_whole(kept):
    found = verify(LocalStore(kept.spool))
    assert not found.faults
    assert sum(stream.events for stream in found.streams) == 25


def test_shipping_goes_on_where_an_earlier_version_stopped(kept):
    counts = kept.ship("splunk")
    assert len(kept.splunk.indexed) == 5
    assert (counts["delivered"], counts["pending"]) == (5, 0)


def test_reading_goes_on_where_an_earlier_version_stopped(kept):
    earlier = POSITIONS.unpack(kept.variables.get(CURSOR), "")
    kept.pylon.add(generate(3, utc_now() - timedelta(minutes=3), utc_now() - timedelta(minutes=2), seed=31))
    kept.pull()
    now = POSITIONS.unpack(kept.variables.get(CURSOR), "")
    assert (now.chain, now.head.number) == (earlier.chain, earlier.head.number + 1)
    kept.ship("splunk")
    assert len(kept.splunk.indexed) == now.head.total - 20
    assert not verify(LocalStore(kept.spool)).faults


@pytest.mark.parametrize("key", [CURSOR, OFFSET])
def test_a_variable_of_a_later_version_is_refused_and_left_alone(kept, key):
    later = (STATE_VERSION if key == CURSOR else DISCARDS) + 1
    text = json.dumps(json.loads(kept.variables.get(key)) | {"version": later, "segment": "elsewhere"})
    kept.variables.set(key, text)
    with pytest.raises(AirflowFailException, match=f"the Variable {re.escape(key)} was written by a newer version"):
        kept.pull() if key == CURSOR else kept.ship("splunk")
    assert kept.variables.get(key) == text


@pytest.mark.parametrize("changes", [{}, {"ids": {"in": "another form"}}])
def test_a_segment_of_a_later_version_is_refused_and_not_called_damaged(tmp_path, changes):
    writer = SegmentWriter(utc_now())
    writer.add([event("a")])
    manifest, _ = writer.seal(Head(), utc_now())
    text = json.dumps(json.loads(msgspec.json.encode(manifest)) | {"version": STATE_VERSION + 1, **changes}).encode()
    head = Head(1, hashlib.sha256(text).hexdigest(), 1)
    with pytest.raises(StopError, match="was written by a newer version"):
        unpack_manifest(head, gzip.compress(text))


def test_what_is_written_bears_the_version(world):
    world.pull()
    world.ship("splunk")
    for key in (CURSOR, OFFSET):
        assert json.loads(world.variables.get(key))["version"] == STATE_VERSION
    position = POSITIONS.unpack(world.variables.get(CURSOR), "")
    stream = Stream(LocalStore(world.spool), "p/live", position.chain)
    assert stream.manifest(position.head).version == STATE_VERSION
