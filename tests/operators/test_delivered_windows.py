"""A backfill that is read before polling begins: each destination receives an event once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from audit_provider.core.model import text_of
from audit_provider.core.pull import pull
from audit_provider.operators import ReportAuditLogsOperator
from tests.operators.conftest import DAYS, HEC_TOKEN, context

DAY = timedelta(days=1)
KINDS = ("s3", "splunk")


@pytest.fixture
def past(world):
    """All of the past, as one window."""
    return {"start": text_of(world.now - (DAYS + 1) * DAY), "end": text_of(world.now + timedelta(seconds=1))}


def poll(world):
    return world.pull(start=(world.now - 30 * DAY).isoformat(), page_size=50)


def load(world, past, kinds=KINDS):
    world.pull(window=past, page_size=50)
    for kind in kinds:
        world.ship(kind, windows=[past])


@pytest.mark.parametrize("live_first", [False, True])
def test_each_event_arrives_once_in_either_order(world, past, live_first, monkeypatch):
    monkeypatch.setitem(pull.__kwdefaults__, "segment_bytes", 8_000)
    if not live_first:
        load(world, past)
    assert poll(world)["spooled"] > 300, "all of it is counted, kept and compared with the live stream"
    for kind in KINDS:
        world.ship(kind)
    if live_first:
        load(world, past)
    for ids in (world.s3_ids(), world.splunk.ids()):
        assert Counter(ids) == Counter(world.pylon.ids())
    accounts = ReportAuditLogsOperator(
        task_id="report", pipeline="p", destinations=["s3", "splunk_hec"], spool=f"file://{world.spool}"
    ).execute(context())
    assert [each["pending"] for each in accounts] == [0, 0]


def test_a_destination_that_is_added_gets_all_of_the_live_stream(world, past):
    load(world, past)
    live = poll(world)
    world.ship("splunk")
    assert world.ship("datadog")["delivered"] == live["spooled"] > 0


@pytest.mark.parametrize("changed", ["redaction", "password", "host"])
def test_another_receiver_gets_all_of_the_live_stream(world, past, changed):
    load(world, past, ["splunk"])
    live = poll(world)
    arguments = {}
    if changed == "redaction":
        arguments = {"options": {"redact": {"drop": ["attributes"]}}}
    elif changed == "password":
        world.splunk.token = "renewed"
        world.connect("SPLUNK_HEC_DEFAULT", password="renewed")
    else:
        world.connect("SPLUNK_HEC_DEFAULT", host=world.splunk.url.replace("127.0.0.1", "localhost"))
    assert world.ship("splunk", **arguments)["delivered"] == live["spooled"]


def test_the_offset_of_a_window_keeps_nothing_of_a_credential(world, past):
    load(world, past, ["splunk"])
    (kept,) = [value for key, value in world.variables.all().items() if "backfill" in key and ".to." in key]
    assert len(json.loads(kept)["delivered_to"]) == 16
    assert HEC_TOKEN not in kept
