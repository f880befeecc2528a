"""A change of a destination's configuration is evidence before anything is shipped under it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from isal import igzip

from audit_provider.core.errors import UnavailableError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Window
from audit_provider.core.spool import LocalStore
from audit_provider.core.verification import verify
from audit_provider.sandbox.events import generate


def changes(world):
    paths = sorted((world.spool / "p/evidence").rglob("*.ndjson.gz"))
    lines = [line for path in paths for line in igzip.decompress(path.read_bytes()).splitlines()]
    return [json.loads(line)["raw"] for line in lines]


def more(world, seed):
    world.pylon.add(generate(3, world.now - timedelta(minutes=2), world.now, seed=seed))
    world.pull()


@pytest.fixture
def shipped(world):
    world.pull()
    world.ship("splunk")
    return world


def test_the_first_run_and_the_same_again_are_no_change(shipped):
    shipped.ship("splunk")
    more(shipped, 5)
    shipped.ship("splunk")
    assert changes(shipped) == []


def test_a_filter_that_comes_and_goes_leaves_two_traces(shipped):
    action = {"except": ["UserDeleted"]}
    more(shipped, 5)
    shipped.ship("splunk", options=action)
    more(shipped, 6)
    shipped.ship("splunk")
    first, second = changes(shipped)
    assert first["action"] == "audit_provider.configuration"
    assert (first["subject"], first["pipeline"]) == ("splunk_hec", "p")
    assert first["difference"] == {"except": {"before": [], "after": ["UserDeleted"]}}
    assert second["difference"] == {"except": {"before": ["UserDeleted"], "after": []}}
    assert (first["sha256"], first["sha256_before"]) == (second["sha256_before"], second["sha256"])
    assert first["run_id"].startswith("run ")
    assert verify(LocalStore(shipped.spool)).faults == ()


def test_a_change_without_anything_to_ship_is_kept_too_and_once(shipped):
    for _ in range(3):
        shipped.ship("splunk", options={"redact": {"hash": ["actor_user_id"]}})
    (change,) = changes(shipped)
    assert change["difference"] == {"hash": {"before": [], "after": ["actor_user_id"]}}


def test_an_option_is_there_as_a_digest_alone(shipped):
    shipped.ship("splunk", index="other", sourcetype="canary")
    (change,) = changes(shipped)
    assert set(change["difference"]) == {"options.sourcetype"} | {"options.index"}
    assert all(value.startswith("sha256:") for each in change["difference"].values() for value in each.values())
    assert "canary" not in json.dumps(change) + json.dumps(shipped.variables.all())


def test_where_it_cannot_be_kept_nothing_is_shipped(shipped, monkeypatch):
    more(shipped, 5)
    before = len(shipped.splunk.indexed)
    put = LocalStore.put

    def refuse(store, key, content):
        if "/evidence/" in key:
            raise UnavailableError("the disk is full")
        put(store, key, content)

    monkeypatch.setattr(LocalStore, "put", refuse)
    with pytest.raises(Exception, match="the disk is full"):
        shipped.ship("splunk", options={"only": ["Nothing"]})
    assert len(shipped.splunk.indexed) == before


def test_a_window_of_the_past_is_compared_with_the_live_stream(shipped):
    start, end = shipped.now - timedelta(days=100), shipped.now - timedelta(days=70)
    window = {"start": start.isoformat(), "end": end.isoformat()}
    shipped.pylon.add(generate(4, start, end, seed=8))
    shipped.pull(window=window)
    assert StreamName.of_window("p", Window(start, end)).folder.partition("/")[2] in {
        each.name for each in (shipped.spool / "p").iterdir()
    }
    shipped.ship("splunk", windows=[window], options={"only": ["UserDeleted"]})
    (change,) = changes(shipped)
    assert change["difference"] == {"only": {"before": [], "after": ["UserDeleted"]}}
    shipped.ship("splunk", windows=[window], options={"only": ["UserDeleted"]})
    assert len(changes(shipped)) == 1
