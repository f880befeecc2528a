"""A source like another one: what is changed is changed everywhere, or has to be written."""

from __future__ import annotations

import pytest

from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.sources import REGISTRY


def read(source):
    return read_pipelines(f"p: {{source: {{{source}}}, destinations: {{s3: {{type: s3, bucket: b}}}}}}")


def like(source):
    found = read(source)
    assert found.mistakes == ()
    return found.pipelines["p"].spec


def test_what_is_changed_is_changed_in_all_requests_and_in_the_recovery_source():
    path = "/api/v2/signinattempts"
    spec, base = like(f"like: onepassword, name: signins, request: {{path: {path}}}, records_at: rows"), REGISTRY
    parts = (spec.request, spec.follow, spec.recovery.request, spec.recovery.follow)
    assert [part.path for part in parts] == [path] * 4
    assert (spec.records_at, spec.recovery.records_at) == ("rows", "rows")
    assert (spec.name, spec.recovery.name) == ("signins", "signins"), "one API, one budget"
    assert spec.recovery.request.body == base["onepassword"].recovery.request.body
    assert spec.follow.body == {}
    spec = like(
        "like: okta, fields: {id: eventId}, errors: {code_at: c}, paging: {ends_when_empty: false}, "
        "request: {headers: {A: b}}, page_size: {key: limit, most: 10}"
    )
    for each in (spec, spec.recovery):
        assert (each.fields.id, each.fields.time, each.errors.code_at) == ("eventId", "published", "c")
        assert (each.paging.ends_when_empty, each.request.headers, each.page_size.most) == (False, {"A": "b"}, 10)
    assert like("like: pylon, request: {path: /v2/logs}").fallback.path == "/v2/logs"


def test_a_recovery_source_keeps_what_it_differs_in_by_nature():
    base = REGISTRY["box"].recovery
    spec = like("like: box, reading: {overlap: 60}, lookback: P7D, rate_limit: {requests: 9}")
    assert (spec.recovery.reading, spec.recovery.lookback) == (base.reading, base.lookback)
    assert (spec.rate_limit.requests, spec.recovery.rate_limit.requests) == (9, 9)
    spec = like("like: pylon_list, name: mine, rate_limit: {requests: 9}")
    assert (spec.recovery.name, spec.recovery.rate_limit) == ("pylon", REGISTRY["pylon"].rate_limit)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("like: dropbox, request: {path: /3/get}", "p.source.follow: is missing: request.path is different there"),
        ("like: dropbox, request: {path: /3/get}, follow: {}", ""),
        (
            "like: onepassword, request: {body: {start_time: '{start}'}}, follow: {}",
            "p.source.recovery: is missing: request.body is different there, so write 'recovery' too",
        ),
        ("like: onepassword, request: {body: {start_time: '{start}'}}, follow: {}, recovery: {}", ""),
        ("like: onepassword, request: {body: {start_time: '{start}'}}, follow: {}, recovery: null", ""),
        (
            "like: okta, request: {params: {since: '{start}'}}",
            "p.source.recovery: is missing: request.params is",
        ),
        (
            "like: pylon_list, request: {path: /v2, params: {limit: 5}}, paging: {sent_in: body}",
            "p.source.recovery: is missing: request.path and request.params and paging.sent_in are different",
        ),
        ("like: okta, request: {path: /api/v1/logs, method: GET}", ""),
    ],
)
def test_what_cannot_be_carried_over_must_be_written(source, said):
    found = read(source)
    assert said in "\n".join(found.mistakes)
    assert bool(found.mistakes) == bool(said)


def test_what_is_written_of_a_recovery_source_goes_before_what_is_carried_over():
    spec = like(
        "like: okta, request: {path: /v2/logs, params: {since: '{start}'}, headers: {A: b}}, "
        "recovery: {request: {params: {since: '{start}', until: '{end}'}, headers: {A: c}}}"
    )
    assert spec.recovery.request.path == "/v2/logs"
    assert spec.recovery.request.headers == {"A": "c"}
    spec = like(
        "like: slack, reading: {type: tail_cursor}, request: {path: /v2/logs}, "
        "recovery: {reading: {type: closed_windows}, request: {headers: {A: b}}}"
    )
    assert (spec.recovery.request.path, spec.recovery.request.headers) == ("/v2/logs", {"A": "b"})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("like: pylon, probe: {path: me}", "p.source.probe.path: must begin with '/'"),
        ("like: okta, request: {path: .evil.example/logs}", "p.source.request.path: must begin with '/'"),
        ("like: okta, recovery: {request: {path: logs}}", "p.source.recovery.request.path: must begin with '/'"),
        ("like: auth0, auth: {url: login.example.com/oauth/token}", "p.source.auth.url: must begin with '/', or be"),
        ("like: auth0, auth: {url: ftp://login.example.com/token}", "p.source.auth.url: must begin with '/', or be"),
    ],
)
def test_a_path_that_would_become_a_part_of_the_host_is_named(source, said):
    assert said in "\n".join(read(source).mistakes)
