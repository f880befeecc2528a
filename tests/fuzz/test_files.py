"""What stands in files and Variables: the pipelines file, positions, offsets, the spool, a product's settings."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from isal import igzip

from audit_provider.__main__ import main
from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.errors import AuditError, SpoolDamagedError, StopError
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.ledger.records import MemoryLedger, TaskClaims, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.spool import Head, SegmentWriter, Stream
from audit_provider.core.spool.segment import peek_written_at
from audit_provider.core.text.siem_config import destination_from
from audit_provider.core.wire.budget import POLLING
from tests.core.destinations.stand_ins import NOW, event
from tests.core.simulation import MemoryStore
from tests.fuzz.outside import FUZZ, bodies_like, changed, values, words

pytestmark = pytest.mark.usefixtures("no_collection")

PIPELINE = {
    "source": {"like": "pylon", "reading": {"type": "closed_windows", "overlap": 60}, "fields": {"id": "a|b.0"}},
    "settings": {"a": "b"},
    "start": "2026-01-01",
    "page_size": 100,
    "reading": {"overlap": 1800},
    "rate_limit": {"requests": 10, "per": 60},
    "destinations": {
        name: {"type": name, "only": ["a*"], "redact": {"drop": ["a.b"]}, "batch_bytes": 1000, "settings": {"a": "b"}}
        for name in DESTINATIONS
    },
}
SIEM = {
    "name": "Main",
    "provider_type": "splunk",
    "endpoint_url": "https://s.example:8088/x",
    "api_key": "k",
    "batch_size": 9,
}


@FUZZ
@given(changed({"p": PIPELINE, "q": {"source": "okta", "destinations": {"d": {"type": "s3", "bucket": "b"}}}}))
def test_a_pipelines_file_with_anything_in_it_is_read_or_refused(content):
    try:
        text = yaml.safe_dump(content, allow_unicode=True)
    except (yaml.YAMLError, UnicodeError, ValueError):
        return
    try:
        found = read_pipelines(text)
    except AuditError:
        return
    for pipeline in found.pipelines.values():
        assert pipeline.spec.name


@FUZZ
@given(st.one_of(st.text(max_size=300), st.text("{}[]&*!|>:-'\"\n #?%@`,0a", max_size=60)))
def test_a_pipelines_file_of_any_text_is_read_or_refused(text):
    with contextlib.suppress(AuditError):
        read_pipelines(text)


STORED = json.loads(
    POSITIONS.pack(Position("pylon", reading={"mark": "2026-01-01T00:00:00Z", "cursor": "c"}, updated_at=NOW))
)


@FUZZ
@given(bodies_like(STORED))
def test_a_position_is_one_or_is_refused(body):
    try:
        position = POSITIONS.unpack(body.decode(errors="replace"), "the Variable x")
    except StopError:
        return
    assert POSITIONS.unpack(POSITIONS.pack(position), "the Variable x") == position


def test_a_stored_record_is_one_or_is_refused():
    offset = json.loads(msgspec.json.encode(Offset(chain="c", last_success=NOW)))

    @FUZZ
    @given(st.one_of(bodies_like(offset), bodies_like(STORED), bodies_like({"pylon": ["2026-01-01T00:00:00Z"]})))
    def check(body):
        name = StreamName("p")
        keys = (name.cursor_key, name.offset_key("d"), f"audit_logs.p.budget.{POLLING}")
        ledger = MemoryLedger(dict.fromkeys(keys, body.decode(errors="replace")))
        for load in (position_record(ledger, name).load, offset_record(ledger, name, "d").load):
            with contextlib.suppress(StopError):
                load()
        assert isinstance(TaskClaims(ledger, "p", POLLING).load(), dict)

    check()


@FUZZ
@given(st.data())
def test_the_spool_is_what_was_written_or_is_damaged(data):
    store = MemoryStore()
    stream = Stream(store, "p/live")
    head = Head()
    for batch in ("ab", "cd"):
        writer = SegmentWriter(NOW)
        writer.add([event(name) for name in batch])
        head = stream.append(writer, head, NOW)
    keys = list(store.keys("p/live/"))
    key = data.draw(st.sampled_from([*keys, "p/live/oldest.json", "p/live/pruned.json"]))
    content = store.get(key) if key in keys else b""
    spoiled = data.draw(
        st.one_of(
            st.binary(max_size=80),
            bodies_like({"written_at": "2026-01-01T00:00:00Z", "number": 1}),
            bodies_like({"written_at": "2026-01-01T00:00:00Z"}).map(lambda each: igzip.compress(each)),
            st.integers(0, len(content)).map(lambda size: content[:size]),
        )
    )
    store.put(key, spoiled)
    with contextlib.suppress(SpoolDamagedError):
        assert [each.id for _, events in stream.read(head, 1) for each in events] == list("abcd")
    for act in (
        lambda: list(stream.ids_since(head, NOW)),
        lambda: stream.due_for_pruning(NOW),
        lambda: stream.prune(finished=1, written_before=NOW, now=NOW),
    ):
        with contextlib.suppress(SpoolDamagedError):
            act()
    with contextlib.suppress(SpoolDamagedError):
        peek_written_at(spoiled)


@FUZZ
@given(st.one_of(changed(SIEM), values))
def test_the_settings_of_a_product_are_converted_or_refused(config):
    if not isinstance(config, dict):
        return
    with contextlib.suppress(AuditError):
        destination_from(config)


def test_what_the_command_line_reads_ends_with_a_sentence(tmp_path, capsys):
    path = tmp_path / "siem.json"

    @FUZZ
    @given(bodies_like(SIEM))
    def check(body):
        path.write_bytes(body)
        assert main(["convert-siem-config", str(path)]) in (0, 1)
        assert "Traceback" not in capsys.readouterr().err

    check()


@FUZZ
@given(values, words)
def test_a_source_written_by_hand_is_read_or_refused(value, key):
    for entry in (
        {"like": "pylon", key: value},
        {"like": value},
        {"like": "zoom", "auth": value},
        {"paging": {"type": value}},
    ):
        text = json.dumps({"p": {"source": entry, "destinations": {"d": {"type": "datadog"}}}})
        with contextlib.suppress(AuditError):
            read_pipelines(text)
