"""The spool keeps to its folder and to its owner; a pipelines file stands for no more than it says."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timezone

import boto3
import msgspec
import pytest
from moto import mock_aws

from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Event
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.spool import Head, LocalStore, S3Store, SegmentWriter
from audit_provider.core.text.yaml_text import MOST_LETTERS, values_of

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
NAMES = [
    "..",
    "../other",
    "a/../../b",
    "/etc/passwd",
    "//host/share",
    "a//b",
    ".",
    "./a",
    "a/.",
    "",
    "a\x00b",
    "a\nb",
    "..\\other",
    "C:\\other",
    "a\uff3cb",  # folds to a backslash
    "\u2025",  # folds to two dots
    "\uff0e\uff0e",
    "\u2024\u2024/b",
    "\uff0e\uff0e\uff0fb",
    "a\u202eb",
    "\ud800",
    "x" * 256,
    "é" * 200,
    "/".join(["x" * 200] * 10),
]


@pytest.fixture(scope="module")
def s3():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        client.create_bucket(Bucket="audit-logs")
        yield client


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        yield LocalStore(tmp_path / "spool")
        return
    client = request.getfixturevalue("s3")
    yield S3Store(client, "audit-logs", f"spool/{tmp_path.name}")


def segment():
    written = SegmentWriter(NOW)
    written.add([Event("1", NOW, msgspec.Raw(b"{}"))])
    return written


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_leads_out_of_the_spool(name, store, tmp_path):
    for act in (
        lambda: StreamName(name).stream(store, Position("pylon")).append(segment(), Head(), NOW),
        lambda: StreamName("p", f"../{name}").stream(store, Position("pylon")).append(segment(), Head(), NOW),
        lambda: StreamName("p").stream(store, Position("pylon", chain=name or "..")).append(segment(), Head(), NOW),
        lambda: store.put(name, b"x"),
        lambda: store.get(name),
    ):
        with pytest.raises(AuditError):
            act()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_names_that_are_fine_are_kept(store):
    for name in ("p/live/000000000001-abc.ndjson.gz", "gehälter/live/..a", "x" * 200, ".hidden/a"):
        store.put(name, b"x")
        assert store.get(name) == b"x"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)
def test_the_spool_is_its_owners_whatever_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        store = LocalStore(tmp_path / "a" / "spool")
        store.put("p/live/one", b"x")
        assert store.get("p/live/one") == b"x"
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert len(modes) == 4
    assert all(mode == (0o600 if path.is_file() else 0o700) for path, mode in modes.items())


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "expands to more than 200,000 values"),
        (LAUGHS.replace("[", "{k: [").replace("]", "]}"), "expands to more than 200,000 values"),
        ("a: &a\n  b: *a\n", "refers to a value that contains the alias itself"),
        ("&a [*a]", "refers to a value that contains the alias itself"),
        ("[" * 50_000, "nested too deeply"),
        ("a: " * 5000, "line 1, column 5"),
        ("# " + "x" * MOST_LETTERS, "more than 1,000,000 letters"),
        ("a: 2026-02-30", "cannot be read"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: 2026-01-01 00:00:00 +99:99", "cannot be read"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: !!binary é", "line 1, column 4"),
        ("a: !!timestamp x", "cannot be read"),
        ("a: !!int x", "cannot be read"),
        ("? {a: 1}\n: b", "line 1, column 3"),
        ("a\x00b", "unacceptable character"),
        ("\ud800", "unacceptable character"),
    ],
    ids=range(17),
)
@pytest.mark.usefixtures("no_collection")
def test_yaml_that_stands_for_too_much_or_for_nothing_is_refused(text, said):
    with pytest.raises(ConfigurationError, match=said):
        values_of(text)
    with pytest.raises(ConfigurationError):
        read_pipelines(text)


def test_aliases_in_measure_are_what_they_stand_for():
    text = "a: &a {source: pylon, destinations: {s: &s {type: datadog}}}\nb: {source: pylon, destinations: {t: *s}}\n"
    found = read_pipelines(text)
    assert found.mistakes == ()
    assert list(found.pipelines["b"].destinations) == ["t"]


def test_a_date_stays_a_date():
    assert values_of("a: 2026-02-28T00:00:00Z")["a"] == datetime(2026, 2, 28, tzinfo=timezone.utc)
