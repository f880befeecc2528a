"""Answers judged: errors inside 200, partial pages, codes that mean "later" or refuse a cursor."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from audit_provider.core.records.fields import FieldReader
from audit_provider.core.sources import REGISTRY, PageReader
from audit_provider.core.sources.inline import source_of
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.guard import CURSOR_REFUSALS
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.spec import Errors
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.server import Reply
from tests.core.sources.scripted import DAY, NOW, SPEC, Scripted, items, reader, walk


def test_an_error_inside_a_good_answer_is_one():
    errors = Errors(code_at="error", ok_at="ok", hints={"missing_scope": "add the scope."})
    refused = pytest.raises(ProtocolError, match=r"\(missing_scope\): add the scope")
    with Scripted(items("a", ok=False, error="missing_scope")) as service, refused:
        reader(service, errors=errors).fetch(DAY, "")
    with Scripted(items("a", ok=True)) as service:
        assert walk(reader(service, errors=errors)) == ["a"]


def test_graphql_errors_beside_data_are_refused():
    refused = pytest.raises(ProtocolError, match="field x failed")
    with Scripted(items("a", errors=[{"message": "field x failed"}])) as service, refused:
        reader(service, errors=Errors(message_at="errors")).fetch(DAY, "")


def test_a_part_of_a_page_is_not_a_page():
    with Scripted(items("a", meta={"warnings": ["timed out"]})) as service, pytest.raises(UnavailableError):
        reader(service, errors=Errors(partial_at="meta.warnings")).fetch(DAY, "")


def test_a_code_that_means_later_is_waited_out():
    limited = Reply.json(400, {"errors": [{"message": "slow"}], "code": "RATELIMITED"})
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service, errors=Errors(code_at="code", slow_codes=("RATELIMITED",)))) == ["a"]


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_code_that_means_later_is_heeded_with_any_status(status):
    limited = Reply.json(status, {"ok": False, "error": "ratelimited"})
    with Scripted(limited, items("a", ok=True)) as service:
        assert walk(reader(service, errors=Errors(code_at="error", ok_at="ok", slow_codes=("ratelimited",)))) == ["a"]


def test_a_record_that_holds_a_code_is_no_error():
    errors = Errors(code_at="code", slow_codes=("slow",), cursor_codes=("gone",))
    records = [{"id": "a", "t": 1, "code": "slow"}, {"id": "b", "t": 1, "code": "gone"}]
    with Scripted({"items": records}, Reply.json(200, records)) as service:
        assert walk(reader(service, errors=errors)) == ["a", "b"]
        page = reader(service, errors=errors, records_at="", paging=CursorPaging("c", "next")).fetch(DAY, "old")
    assert len(page.events) == 2


@pytest.mark.parametrize("status", [200, 403, 500])
def test_a_code_that_refuses_a_cursor_is_heeded_with_any_status(status):
    errors = Errors(code_at="error", ok_at="ok", cursor_codes=("invalid_cursor",), resume_at="from")
    refused = Reply.json(status, {"ok": False, "error": "invalid_cursor", "from": "2026-02-20T00:00:00Z"})
    if status == 500:
        with Scripted(refused) as service, pytest.raises(UnavailableError):
            reader(service, errors=errors, paging=CursorPaging("c", "next")).fetch(DAY, "old")
        return
    with Scripted(refused) as service:
        pages = reader(service, errors=errors, paging=CursorPaging("c", "next"))
        with pytest.raises(RefusedError, match="invalid_cursor.: the cursor is no longer valid") as raised:
            pages.fetch(DAY, "old")
        assert raised.value.status in CURSOR_REFUSALS
        assert raised.value.resume_at == datetime(2026, 2, 20, tzinfo=timezone.utc)
        with pytest.raises((ProtocolError, CredentialError)):
            pages.fetch(DAY, "")


def test_a_flag_may_say_that_a_page_is_a_part():
    errors = Errors(ok_at="meta.status", ok_is="done", partial_is=("timeout",))
    with (
        Scripted(items("a", meta={"status": "timeout"})) as service,
        pytest.raises(UnavailableError, match="meta.status"),
    ):
        reader(service, errors=errors).fetch(DAY, "")
    with Scripted({"meta": {"status": "timeout"}, "items": {}}) as service, pytest.raises(UnavailableError):
        reader(service, errors=errors).fetch(DAY, "")
    with Scripted(items("a", meta={"status": "failed"})) as service, pytest.raises(ProtocolError):
        reader(service, errors=errors).fetch(DAY, "")


def test_a_code_may_stand_in_a_list_or_under_a_name_with_a_dot():
    limited = Reply.json(400, {"errors": [{"message": "slow", "extensions": {"code": "RATELIMITED"}}]})
    errors = Errors(message_at="errors", code_at="errors.0.extensions.code", slow_codes=("RATELIMITED",))
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service, errors=errors)) == ["a"]
    tagged = Reply.json(409, {"error_summary": "bad_cursor/..", "error": {".tag": "bad_cursor"}})
    errors = Errors(message_at="error_summary", code_at=r"error.\.tag", hints={"bad_cursor": "it is gone."})
    with Scripted(tagged, items("a")) as service:
        with pytest.raises(RefusedError, match="409 .bad_cursor.: bad_cursor/..: it is gone."):
            reader(service, errors=errors).fetch(DAY, "")
        assert walk(reader(service, errors=errors)) == ["a"]


def test_a_403_that_means_429_is_waited_out():
    limited = Reply(403, b"{}", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"})
    with Scripted(limited, items("a")) as service:
        assert walk(reader(service)) == ["a"]


def test_a_refused_cursor_may_say_where_to_begin_again():
    body = {"error_summary": "reset/", "error": {".tag": "reset", "reset": "2026-02-20T00:00:00Z"}}
    errors = Errors(message_at="error_summary", resume_at="error.reset")
    with Scripted(Reply.json(409, body)) as service, pytest.raises(RefusedError) as raised:
        reader(service, errors=errors, paging=CursorPaging("c", "next")).fetch(DAY, "old")
    assert raised.value.resume_at == datetime(2026, 2, 20, tzinfo=timezone.utc)
    assert raised.value.status == 409


def test_a_404_of_a_cursor_is_a_refused_cursor_and_of_a_path_a_wrong_host():
    with Scripted(Reply.json(404, {})) as service:
        pages = reader(service, paging=CursorPaging("c", "next"))
        with pytest.raises(RefusedError):
            pages.fetch(DAY, "old")
        with pytest.raises(ConfigurationError):
            pages.fetch(DAY, "")


# As vendors send them


def of(name):
    """Return the keys of a source that concern its answers."""
    spec = REGISTRY[name]
    return {"records_at": spec.records_at, "errors": spec.errors, "paging": spec.paging, "fields": spec.fields}


def test_slack_refuses_a_cursor_inside_a_good_answer():
    with Scripted({"ok": False, "error": "invalid_cursor"}) as service:
        pages = reader(service, **of("slack"))
        with pytest.raises(RefusedError) as raised:
            pages.fetch(DAY, "old")
    assert raised.value.status in CURSOR_REFUSALS


def test_slack_and_linear_ask_for_a_pause_inside_a_good_answer():
    limited = {"ok": False, "error": "ratelimited"}
    with Scripted(limited, {"ok": True, "entries": [{"id": "a", "date_create": 1}]}) as service:
        assert walk(reader(service, **of("slack"))) == ["a"]
    limited = {"errors": [{"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}]}
    page = {"nodes": [{"id": "a", "createdAt": "2026-03-01T00:00:00Z"}], "pageInfo": {"hasNextPage": False}}
    with Scripted(limited, {"data": {"auditEntries": page}}) as service:
        assert walk(reader(service, **of("linear"))) == ["a"]


def test_datadogs_timeout_is_a_part_of_the_page():
    with Scripted({"data": [], "meta": {"status": "timeout"}}) as service, pytest.raises(UnavailableError):
        reader(service, **of("datadog")).fetch(DAY, "")


def test_dropbox_refuses_a_cursor_and_says_where_to_begin_again():
    refused = {"error_summary": "reset/", "error": {".tag": "reset", "reset": "2026-02-20T00:00:00Z"}}
    with Scripted(Reply.json(409, refused)) as service, pytest.raises(RefusedError) as raised:
        reader(service, **of("dropbox")).fetch(DAY, "old")
    assert raised.value.status in CURSOR_REFUSALS
    assert raised.value.resume_at == datetime(2026, 2, 20, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("snyk", {"data": {"items": []}, "links": {"next": {"meta": 1}}}, "links.next"),
        ("intercom", {"activity_logs": [], "pages": {"next": {"page": 2, "starting_after": "abc"}}}, "pages.next"),
        ("airtable", {"events": [], "pagination": {"next": ["k", 1]}}, "pagination.next"),
        ("cloudflare", {"success": True, "result": [], "result_info": [{"cursor": "next"}]}, "result_info.cursor"),
    ],
)
def test_a_way_on_in_another_shape_is_not_taken_for_the_end(name, body, field):
    with Scripted(body) as service, pytest.raises(ProtocolError, match=field):
        reader(service, **of(name)).fetch(DAY, "")


def test_authos_names_the_actor_in_two_ways():
    read = FieldReader(REGISTRY["authos"].fields, ("actor_id", "actor_email")).read
    assert read(b'{"actor_id": "1", "actor": {"email": "a@b"}}') == {"actor_id": "1", "actor_email": "a@b"}
    assert read(b'{"actor_user_id": "1", "actor_email": "a@b"}') == {"actor_id": "1", "actor_email": "a@b"}


LIMITED = "You have exceeded a secondary rate limit."


def waits_of(service, spec=SPEC, **changes):
    """Read a page; return what was slept, and the error where there was one."""
    slept = []
    session = requests.Session()
    session.trust_env = False
    client = HttpClient(session, service.url, service="Some API", sleep=slept.append, now=lambda: NOW, tries=2)
    try:
        PageReader(replace(spec, **changes), client).fetch(DAY, "")
    except AuditError as error:
        return slept, error
    return slept, None


@pytest.mark.parametrize("status", [200, 400, 401, 403, 409])
def test_a_text_that_means_too_many_is_heeded_in_upper_and_lower_case_with_any_status(status):
    errors = Errors(message_at="message", slow_texts=("abuse of THIS api",), slow_wait=timedelta(seconds=90))
    with Scripted(Reply.json(status, {"message": "Sorry: Abuse of this API."}), items("a")) as service:
        slept, error = waits_of(service, errors=errors)
    assert (slept, error) == ([90], None)


def test_a_limit_that_is_said_is_not_shorter_than_a_minute_unless_a_header_says_so():
    errors = Errors(message_at="message")
    with Scripted(Reply.json(403, {"message": LIMITED}), items("a")) as service:
        assert waits_of(service, errors=errors) == ([60], None)
    headed = Reply(403, b'{"message": "Rate limit exceeded"}', {"X-RateLimit-Requests-Reset": "7s"})
    with Scripted(headed, items("a")) as service:
        (waited,), error = waits_of(service, errors=errors)
    assert error is None
    assert 7 <= waited <= 7.2


def test_a_limit_that_goes_on_says_how_long_to_wait():
    errors = Errors(message_at="message", slow_wait=timedelta(hours=1))
    with Scripted(Reply.json(403, {"message": LIMITED})) as service:
        _, error = waits_of(service, errors=errors)
    assert isinstance(error, UnavailableError)
    assert error.wait == 3600


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"ok": False, "error": "hiccup"}),
        (400, {"ok": False, "error": "hiccup"}),
        (200, {"ok": False, "error": "internal_error"}),
        (403, {"error": "service_unavailable"}),
        (422, {"error": "RequestTimeout"}),
    ],
)
def test_a_code_of_a_fault_that_passes_is_repeated_with_backoff(status, body):
    errors = Errors(code_at="error", ok_at="ok", passing_codes=("hiccup",))
    with Scripted(Reply.json(status, body), items("a", ok=True)) as service:
        (waited,), error = waits_of(service, errors=errors)
    assert error is None
    assert waited <= 1
    with Scripted(Reply.json(status, body)) as service:
        assert isinstance(waits_of(service, errors=errors)[1], UnavailableError)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"ok": False, "error": "invalid_auth"}, ProtocolError),
        (401, {"ok": False, "error": "internal_error"}, CredentialError),
        (403, {"ok": False, "error": "no_rate_limits_for_you"}, CredentialError),
        (400, {"ok": False, "error": "timeout"}, RefusedError),
    ],
)
def test_what_lasts_is_not_asked_again(status, body, error):
    errors = Errors(code_at="error", ok_at="ok", hints={"timeout": "ask for less."})
    with Scripted(Reply.json(status, body)) as service:
        slept, raised = waits_of(service, errors=errors)
        assert len(service.requests) == 1
    assert slept == []
    assert type(raised) is error


def test_a_fault_that_passes_beside_a_large_page_is_no_page():
    errors = Errors(message_at="errors", code_at="errors.0.extensions.code", slow_codes=("RATELIMITED",))
    page = items(*map(str, range(500)), errors=[{"message": "slow", "extensions": {"code": "RATELIMITED"}}])
    with Scripted(page) as service:
        _, error = waits_of(service, errors=errors)
    assert isinstance(error, UnavailableError)
    assert error.wait == 60


@pytest.mark.parametrize(
    "words",
    [
        "endTime cannot be after current time",
        "'to' is in the future",
        "end_time must be in the past",
        "until must be less than or equal to the current timestamp",
        "The end date can't be later than now.",
        "end must be before the current server time",
        "Bad request: endTime exceeds current date",
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_a_vendor_that_refuses_the_future_leads_to_the_setting(status, words):
    with Scripted(Reply.json(status, {"message": words})) as service:
        _, error = waits_of(service, errors=Errors(message_at="message"))
    assert isinstance(error, RefusedError)
    assert "set 'reading.behind'" in str(error)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("start must not be more than 90 days in the past", {}),
        ("cursor expired", {}),
        ("'to' is in the future", {"request": Request("GET", "/log", params={"from": "{start}"})}),
        ("'to' is in the future", {"reading": HeadScan()}),
        ("'to' is in the future", {"errors": Errors(message_at="message", hints={"400": "see the page."})}),
    ],
)
def test_another_refusal_does_not_lead_to_it(words, changes):
    with Scripted(Reply.json(400, {"message": words})) as service:
        _, error = waits_of(service, **{"errors": Errors(message_at="message"), **changes})
    assert isinstance(error, RefusedError)
    assert "behind" not in str(error)


@pytest.mark.parametrize(
    ("name", "status", "headers", "body", "least", "most"),
    [
        ("github", 403, {"X-RateLimit-Remaining": "1700"}, {"message": LIMITED}, 60, 3600),
        (
            "linear",
            400,
            {"X-RateLimit-Requests-Reset": str(int(NOW.timestamp() + 2400) * 1000)},
            {"errors": [{"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}]},
            2400,
            2401,
        ),
        ("salesforce_event_log_files", 403, {}, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}], 3600, 3600),
        ("slack", 200, {}, {"ok": False, "error": "team_added_to_org"}, 0.3, 1),
        ("slack", 200, {}, {"ok": False, "error": "rate_limited"}, 60, 60),
        ("launchdarkly", 429, {"X-Ratelimit-Auth-Token-Reset": str(int(NOW.timestamp()) + 42)}, {}, 42, 42.2),
        ("cloudflare", 429, {"Ratelimit": '"default";r=0;t=42'}, {}, 42, 42.2),
        ("authos", 503, {}, {"error_code": "SERVICE_UNAVAILABLE"}, 0.3, 1),
    ],
)
def test_the_vendors_own_ways_to_say_later_are_waited_for(name, status, headers, body, least, most):
    spec = REGISTRY[name].with_settings(dict.fromkeys(REGISTRY[name].settings, "x"))
    with Scripted(Reply(status, json.dumps(body).encode(), headers)) as service:
        (waited,), error = waits_of(service, spec)
    assert isinstance(error, UnavailableError)
    assert least <= waited <= most


def test_the_words_of_an_inline_source_are_the_same():
    written = {"slow_texts": ["calm down"], "slow_wait": 120, "passing_codes": ["oops"], "code_at": "code"}
    entry = {
        "base_url": "https://api.example.com",
        "request": {"method": "GET", "path": "/log", "params": {"from": "{start}", "to": "{end}"}},
        "reading": {"type": "closed_windows", "behind": 60},
        "records_at": "items",
        "fields": {"id": "id", "time": "t"},
        "rate_limit": {"requests": 100},
        "errors": written,
    }
    spec = source_of(entry, "p.source", {}, "p")
    assert spec.errors == Errors(
        code_at="code", slow_texts=("calm down",), slow_wait=timedelta(minutes=2), passing_codes=("oops",)
    )
    assert spec.behind == timedelta(minutes=1)
