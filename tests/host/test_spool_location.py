"""The spool on a file system that Airflow opens by one of its libraries."""

from __future__ import annotations

import json
import uuid

import pytest
from airflow.sdk.io.store import attach
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from audit_provider.core.errors import ConfigurationError, SpoolDamagedError, UnavailableError
from audit_provider.host.spool_location import open_store


class ServiceRequestError(Exception):
    """As cloud libraries have them: no OSError."""


class CloudFiles(MemoryFileSystem):
    """Keeps what it has listed, as the libraries of Azure and Google do, and does not learn what others write."""

    cachable = False
    store: dict = {}
    outage: Exception | None = None
    find = AbstractFileSystem.find  # as most libraries have it: folder by folder

    def _asked(self):
        if self.outage:
            raise self.outage

    def ls(self, path, detail=True, **options):
        self._asked()
        kept = self.dircache
        if path not in kept:
            kept[path] = super().ls(path, detail=True, **options)
        return kept[path] if detail else [each["name"] for each in kept[path]]

    def invalidate_cache(self, path=None):
        self.dircache.clear()

    def makedirs(self, path, exist_ok=False):
        self._asked()
        super().makedirs(path, exist_ok=exist_ok)

    def pipe_file(self, path, value, **options):
        self._asked()
        super().pipe_file(path, value, **options)

    def cat_file(self, path, **options):
        self._asked()
        return super().cat_file(path, **options)

    def rm_file(self, path):
        self._asked()
        super().rm_file(path)


@pytest.fixture
def files():
    return CloudFiles()


@pytest.fixture
def store(files):
    conn_id = f"c{uuid.uuid4().hex}"
    attach("memory", conn_id, fs=files)
    return open_store(f"memory://{conn_id}@bucket/{conn_id}")


def test_what_another_process_writes_is_listed(store, files):
    store.put("p/live/1", b"one")
    assert list(store.keys("p/")) == ["p/live/1"]
    assert store.folders("p/") == ["live"]
    other, root = CloudFiles(), store._path("")
    other.pipe_file(f"{root}/p/live/2", b"two")
    other.pipe_file(f"{root}/p/reconcile/1", b"three")
    assert list(store.keys("p/")) == ["p/live/1", "p/live/2", "p/reconcile/1"]
    assert store.folders("p/") == ["live", "reconcile"]
    assert list(store.names("p/live/")) == ["1", "2"]
    assert list(store.names("p/live/", "1")) == ["2"]
    assert list(store.names("p/")) == []


def test_what_is_not_there_is_no_outage(store):
    assert list(store.keys("q/")) == []
    assert store.folders("q/") == []
    assert list(store.names("q/")) == []
    store.delete("q/1")
    with pytest.raises(SpoolDamagedError, match="has no"):
        store.get("q/1")


@pytest.mark.parametrize("outage", [ServiceRequestError("Cannot connect to host"), ConnectionResetError()])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.put("p/live/2", b"two"),
        lambda store: store.get("p/live/1"),
        lambda store: list(store.keys("p/")),
        lambda store: list(store.names("p/live/")),
        lambda store: store.folders("p/"),
        lambda store: store.delete("p/live/1"),
    ],
    ids=["put", "get", "keys", "names", "folders", "delete"],
)
def test_an_outage_is_told_in_one_sentence_whatever_the_library_raises(call, outage, store, files):
    store.put("p/live/1", b"one")
    files.outage = outage
    with pytest.raises(UnavailableError, match=rf"does not answer \({type(outage).__name__}\)"):
        call(store)
    files.outage = None
    assert store.get("p/live/1") == b"one"


def test_a_bucket_without_a_credential_says_where_one_is_missing(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = open_store("s3://no-such-connection@bucket/spool")
    with pytest.raises(UnavailableError, match="without a credential: make the connection that it names"):
        list(store.keys("p/"))


@pytest.mark.parametrize(
    "wrong", [{"endpoint_url": "user:hunter2 at no url"}, {"region_name": "somewhere in Europe"}], ids=str
)
def test_an_endpoint_or_a_region_that_is_none_says_what_to_write_and_shows_no_password(monkeypatch, wrong):
    extra = {"region_name": "eu-west-1"} | wrong
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ODD_S3", json.dumps(connection))
    with pytest.raises(ConfigurationError, match="'odd_s3' cannot be used for S3: its 'endpoint_url' must") as caught:
        open_store("s3://odd_s3@bucket/spool")
    assert "hunter2" not in str(caught.value)
