"""A spool on what is no S3: a login page that answers every request with 200."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.core.spool.store import S3Store
from tests.core.destinations.conftest import s3_client
from tests.core.destinations.stand_ins import serving

PAGE = b"<html><head><title>Sign in</title></head><body><form></form></body></html>"


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.put("p/live/1", b"content"),
        lambda store: store.get("p/live/1"),
        lambda store: list(store.keys("p/")),
        lambda store: list(store.names("p/")),
        lambda store: store.folders("p/"),
    ],
    ids=["put", "get", "keys", "names", "folders"],
)
def test_it_is_no_damage_to_the_spool(call):
    with serving(lambda request: (200, {"Content-Type": "text/html"}, PAGE)) as server:
        store = S3Store(s3_client(server.url), "b", "spool", sleep=lambda seconds: None)
        with pytest.raises(ConfigurationError, match="with a web page, so this is no S3"):
            call(store)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_no_store_gave_is_none(status):
    with serving(lambda request: (status, {"Content-Type": "text/plain"}, b"")) as server:
        store = S3Store(s3_client(server.url), "b", "spool", sleep=lambda seconds: None)
        with pytest.raises(ConfigurationError, match="without an ETag, so this is not S3"):
            store.put("p/live/1", b"content")


def test_an_answer_that_cannot_be_read_as_s3s_is_tried_again():
    with serving(lambda request: (202, {"Content-Type": "application/json"}, b"{}")) as server:
        store = S3Store(s3_client(server.url), "b", "spool", sleep=lambda seconds: None)
        with pytest.raises(UnavailableError, match="not S3's"):
            store.put("p/live/1", b"content")


@pytest.mark.parametrize(("status", "error"), [(404, UnavailableError), (403, ConfigurationError)])
def test_a_proxys_page_does_not_say_that_a_segment_is_missing(status, error):
    with serving(lambda request: (status, {"Content-Type": "text/html"}, PAGE)) as server:
        store = S3Store(s3_client(server.url), "b", "spool", sleep=lambda seconds: None)
        with pytest.raises(error, match=f"{status}, with a web page"):
            store.get("p/live/1")
