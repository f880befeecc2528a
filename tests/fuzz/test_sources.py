"""Pages, ways on, headers and tokens of every source: an error of ours, or what is documented."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from audit_provider.core.errors import AuditError
from audit_provider.core.model import UTC, Fields, Window
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.times import time_from
from audit_provider.core.sources import REGISTRY, PageReader
from audit_provider.core.sources.export import FeedList
from audit_provider.core.sources.files import File, FileReader
from audit_provider.core.sources.reading.event_feed import FeedReader
from audit_provider.core.wire.auth import Token
from audit_provider.core.wire.rate_limit import Pacer, RateLimit
from audit_provider.core.wire.waits import LONGEST_WAIT, remaining_requests, wait_asked
from tests.core.destinations.stand_ins import NOW
from tests.fuzz.outside import FUZZ, bodies_like, lines, scalars, wired, words

pytestmark = pytest.mark.usefixtures("no_collection")

FIXTURES = Path(__file__).parents[1] / "fixtures"
DAY = Window(NOW - timedelta(days=1), NOW)
WAITS = ("Retry-After", "X-Retry-After", "X-RateLimit-Reset", "RateLimit-Reset", "X-RateLimit-Remaining")
moments = st.sampled_from(["Wed, 21 Oct 2026 07:28:00 GMT", "2026-03-01T00:00:00+99:99", "0001-01-01T00:00:00+14:00"])
numbers = st.one_of(st.integers(-(10**40), 10**40).map(str), st.floats().map(str), st.just("9" * 5000), moments)
links = st.one_of(
    lines,
    st.builds("<{}>; rel={}; results={}".format, lines, st.sampled_from(["next", '"next"', "NEXT"]), lines),
    st.builds("<http://127.0.0.1:9/v1/{}>; rel=next".format, lines),
)
headers = st.fixed_dictionaries(
    {}, optional={"Link": links, "Content-Type": lines, **dict.fromkeys(WAITS, st.one_of(numbers, lines))}
)


def example_of(name):
    path = FIXTURES / name / "page.json"
    if path.exists():
        return json.loads(path.read_text())
    spec = REGISTRY[name]
    record = {
        spec.fields.id or "id": "1",
        spec.fields.time.partition("|")[0] or "t": "2026-03-01T00:00:00Z",
        "url": "/f",
    }
    return (
        {spec.records_at: [record], "state": "ready", "id": "1", "pagination": {"cursor": "c"}}
        if spec.records_at
        else [record]
    )


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_page_is_read_or_refused(name):
    spec = REGISTRY[name].with_settings(dict.fromkeys(REGISTRY[name].settings, "x"))
    wire, client = wired()

    @FUZZ
    @given(
        bodies_like(example_of(name)),
        headers,
        st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 410, 429, 500]),
        words,
    )
    def check(body, carried, status, cursor):
        wire.reply = status, carried, body
        reader, told = PageReader(spec, client), []
        for asked in ("", "/x?y=1" if spec.paging.paths == () else "7", cursor):
            try:
                page = reader.fetch(DAY, asked)
            except AuditError as error:
                told.append(str(error))
            else:
                assert all(event.time.tzinfo is UTC for event in page.events)
                assert all(b"\n" not in bytes(event.raw) for event in page.events)
                assert page.cursor or not page.more
        assert all(len(each) < 2000 for each in told)
        with contextlib.suppress(AuditError):
            reader.probe()
        if reader.files:
            try:
                if isinstance(spec.export, FeedList):
                    FeedReader(reader).feeds()
                elif hasattr(spec.export, "create"):
                    reader.files.order(spec.export, DAY)
                    reader.files.look(spec.export, "j")
                else:
                    reader.files.files(spec.export, reader.fetch(DAY, "").events)
            except AuditError:
                pass

    check()


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=300), st.text(max_size=100).map(str.encode), lines.map(lambda each: f"a,b\n{each}".encode())
    ),
    words,
)
def test_a_file_is_read_or_refused(content, url):
    wire, client = wired()
    wire.reply = 200, {}, content
    files = PageReader(REGISTRY["workos_export"], client).files
    assert isinstance(files, FileReader)
    for address in (url, "/f", "https://elsewhere.example/f"):
        try:
            for events in files.rows(File("f", address), RecordReader(Fields("", "")), NOW):
                assert events
        except AuditError:
            pass


@FUZZ
@given(headers)
def test_what_headers_ask_for_is_a_wait_in_bounds_or_none(carried):
    found = CaseInsensitiveDict(carried)
    wait = wait_asked(found, NOW)
    assert wait is None or (0 <= wait <= LONGEST_WAIT and math.isfinite(wait))
    left = remaining_requests(found)
    assert left is None or left >= 0
    pacer = Pacer(RateLimit(2), sleep=lambda _: None, now=lambda: NOW)
    pacer.wait()
    pacer.observe(found)
    pacer.wait()


@FUZZ
@given(st.one_of(scalars, numbers))
def test_a_time_is_one_or_none(value):
    moment = time_from(value)
    assert moment is None or isinstance(moment, datetime)


@FUZZ
@given(bodies_like({"access_token": "t", "expires_in": 3600, "error": "no"}), st.sampled_from([200, 400, 401, 500]))
def test_a_token_is_given_or_not(body, status):
    wire, client = wired()
    wire.reply = status, {}, body
    holder = Token("/token").bind(lambda template: template.replace("{", "").replace("}", ""), lambda _: client)
    client._session.auth = None
    request = type("Request", (), {"headers": {}})()
    try:
        holder(request)
    except AuditError:
        return
    assert request.headers["Authorization"].startswith("Bearer ")
