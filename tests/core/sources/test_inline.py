"""A source written in the pipelines file works like a built-in one, and its mistakes are named by their path."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.inline import source_of
from audit_provider.core.sources.paging import CursorPaging, PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.request import Request
from audit_provider.core.wire.auth import Header, Token
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.sandbox.server import Reply, Service

WHOLE = """
acme:
  source:
    title: Acme audit log
    docs: https://docs.acme.example/audit
    base_url: https://api.acme.example
    request:
      method: GET
      path: /v1/{organization}/events
      params: {from: "{start}", to: "{end}", limit: 50}
      headers: {Acme-Version: "2026-01-01"}
    times: epoch_ms
    reading: {type: closed_windows, overlap: 60, max_width: P7D}
    paging: {type: cursor, param: cursor, cursor_at: meta.next}
    records_at: data
    fields: {id: uid, time: at, action: what}
    rate_limit: {requests: 30, per: 60}
    auth: {type: header, headers: {X-Api-Key: "{password}"}}
    page_size: {key: limit, most: 500}
    settings: {organization: the organisation's short name}
    lookback: P90D
  settings: {organization: big co}
  destinations:
    s3: {type: s3, bucket: b}
"""


def spec_of(text):
    found = read_pipelines(text)
    assert found.mistakes == ()
    return next(iter(found.pipelines.values())).spec


def changed(old, new):
    assert old in WHOLE
    return WHOLE.replace(old, new)


def mistakes(text):
    found = read_pipelines(text)
    assert not found.pipelines
    return "\n".join(found.mistakes)


def test_a_whole_source_can_be_written():
    pipeline = read_pipelines(WHOLE).pipelines["acme"]
    spec = pipeline.spec
    assert spec.name == "acme"
    assert pipeline.conn_id == "acme_default"
    assert spec.reading == ClosedWindows(overlap=timedelta(minutes=1), max_width=timedelta(days=7))
    assert spec.paging == CursorPaging("cursor", "meta.next")
    assert spec.auth == Header({"X-Api-Key": "{password}"})
    assert spec.lookback == timedelta(days=90)


def test_a_source_of_ordered_files_can_be_written_and_changed():
    job = """
    reading: {type: file_export}
    export:
      type: job
      create: {method: POST, path: /exports, body: {from: "{start}", to: "{end}"}}
      status: {method: GET, path: "/exports/{job}"}
      id_at: id
      state_at: state
      url_at: url
      ready: done
      pending: [queued]
"""
    spec = spec_of(changed("\n    reading: {type: closed_windows, overlap: 60, max_width: P7D}\n", job))
    assert spec.export.create == Request("POST", "/exports", body={"from": "{start}", "to": "{end}"})
    like = "w: {source: {like: workos_export, export: {ready: done}}, destinations: {s3: {type: s3, bucket: b}}}"
    assert spec_of(like).export == replace(REGISTRY["workos_export"].export, ready="done")


def test_it_reads_like_a_built_in_one(monkeypatch):
    class Acme(Service):
        requests = ()

        def answer(self, request):
            self.requests = (*self.requests, request)
            return Reply.json(200, {"data": [{"uid": 7, "at": 1772359331000, "what": "x"}], "meta": {}})

    with Acme() as service:
        connection = {"conn_type": "audit_logs", "host": service.url, "password": "k"}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(connection))
        hook = AuditLogsHook("c", source=spec_of(WHOLE), settings={"organization": "big co"})
        assert hook.test_connection() == (True, "Acme audit log accepts the credential and shows events.")
    (request,) = service.requests
    assert request.path == "/v1/big%20co/events"
    assert request.headers["X-Api-Key"] == "k"
    assert request.headers["Acme-Version"] == "2026-01-01"
    assert len(request.param("from")) == 13


def test_another_source_can_be_taken_and_changed():
    text = """
p:
  source:
    like: pigment
    paging: {param: pageCursor}
    fields: {id: id}
    request: {params: {since: "{start}"}}
  destinations: {s3: {type: s3, bucket: b}}
"""
    pipeline = read_pipelines(text).pipelines["p"]
    spec, base = pipeline.spec, REGISTRY["pigment"]
    assert (spec.name, pipeline.conn_id) == ("pigment", "pigment_default")
    assert spec.paging == CursorPaging("pageCursor", "pagination.nextCursor")
    assert spec.fields.id == "id"
    assert spec.fields.action == base.fields.action
    assert spec.request.params == {"since": "{start}"}
    assert spec.request.path == base.request.path
    assert spec.lookback == base.lookback


def test_a_change_of_strategy_paging_and_credential_names_its_type():
    text = """
p:
  source:
    like: slack
    name: ours
    reading: {type: head_scan}
    paging: {type: page, param: page}
    auth: {type: token, url: https://login.example.com/token, fields: {grant_type: client_credentials}}
  destinations: {s3: {type: s3, bucket: b}}
"""
    spec = spec_of(text)
    assert (spec.name, spec.reading, spec.paging) == ("ours", HeadScan(), PagePaging("page"))
    assert spec.auth == Token("https://login.example.com/token")


def test_a_recovery_source_says_only_what_differs():
    text = changed(
        "    lookback: P90D\n", "    recovery: {request: {path: /v2/search, params: {a: '{start}', b: '{end}'}}}\n"
    )
    text = text.replace("reading: {type: closed_windows, overlap: 60, max_width: P7D}", "reading: {type: tail_cursor}")
    text = text.replace("params: {from", "params: {x: '1', from")
    spec = spec_of(
        text.replace("recovery: {request:", "recovery: {reading: {type: closed_windows}, request:").replace(
            "path: /v2/search", "method: GET, path: /v2/search"
        )
    )
    assert spec.recovery.request.path == "/v2/search"
    assert spec.recovery.records_at == "data"
    assert spec.for_backfill() is spec.recovery


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    records_at: data\n", "", "acme.source.records_at: is missing"),
        (
            "records_at: data",
            "record_at: data",
            "acme.source.record_at: there is no such key, did you mean 'records_at'?",
        ),
        (
            "type: closed_windows,",
            "type: closed_window,",
            "acme.source.reading.type: there is no type 'closed_window', did you mean 'closed_windows'?",
        ),
        ("{type: cursor, param", "{param", "acme.source.paging.type: is missing"),
        ("overlap: 60", "overlap: soon", "acme.source.reading.overlap: "),
        ("overlap: 60", "overlop: 60", "acme.source.reading.overlop: there is no such key, did you mean 'overlap'?"),
        ("method: GET", "method: FETCH", "acme.source.request.method: "),
        (
            "path: /v1/{organization}",
            "path: /v1/{org}",
            "acme.source.request.path: {org} is neither start or end of the time range nor one of the settings",
        ),
        ("path: /v1", "path: v1", "acme.source.request.path: must begin with '/'"),
        (', to: "{end}"', "", "acme.source.request: ClosedWindows needs {end}"),
        ("times: epoch_ms", "times: unix", "acme.source.times: "),
        ("requests: 30", "requests: many", "acme.source.rate_limit.requests: "),
        ("{id: uid, time: at, action: what}", "{id: uid}", "acme.source.fields.time: "),
        ("base_url: https://api", "base_url: http://api", "acme.source.base_url: "),
        (
            "settings: {organization: the organisation's short name}",
            "settings: [organization]",
            "acme.source.settings: must be a mapping",
        ),
        (
            "settings: {organization: big co}",
            "settings: {organisation: big co}",
            "acme.settings.organisation: there is no such key, did you mean 'organization'?",
        ),
        (
            "settings: {organization: big co}",
            "settings: {organization: {a: b}}",
            "acme.settings.organization: must be a text",
        ),
        (
            "type: closed_windows, overlap: 60, max_width: P7D",
            "type: file_export",
            "acme.source.export: file_export needs",
        ),
        (
            "type: closed_windows, overlap: 60, max_width: P7D",
            "type: id_keyset",
            "acme.source.paging: id_keyset needs",
        ),
        (
            "records_at:",
            "volatile: [links.url, uid]\n    records_at:",
            "acme.source.volatile: 'uid' is, or contains, the record's id",
        ),
        ("records_at:", "volatile: links.url\n    records_at:", "acme.source.volatile"),
    ],
)
def test_a_mistake_is_named_by_its_path(old, new, said):
    assert said in mistakes(changed(old, new))


def test_several_mistakes_are_named_at_once():
    said = mistakes(changed("times: epoch_ms", "times: unix").replace("records_at: data", "record_at: data"))
    assert "acme.source.times: " in said
    assert "acme.source.record_at: " in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{like: slak}", "p.source.like: there is no source 'slak', did you mean 'slack'?"),
        ("{like: slack, paging: 3}", "p.source.paging: must be a mapping"),
        *[
            (f"{{like: slack, {key}: }}", f"p.source.{key}: must not be empty")
            for key in ("reading", "request", "fields", "paging", "auth", "rate_limit", "errors")
        ],
        ("{like: pylon, request: {1: 2}}", "p.source.request.1: there is no such key"),
        ("{like: slack, base_url: 'https://[bad'}", "p.source.base_url: the connection's host must be"),
        ("5", "p.source: must be a text, or a mapping of keys to values"),
        ("{like: slack, nam: x}", "p.source.nam: there is no such key, did you mean 'name'?"),
        ("slak", "p.source: there is no source 'slak', did you mean 'slack'?"),
    ],
)
def test_mistakes_in_a_changed_source(source, said):
    assert said in mistakes(f"p: {{source: {source}, destinations: {{s3: {{type: s3, bucket: b}}}}}}")


def test_id_and_times_take_several_paths():
    text = changed("fields: {", "fields: {recorded: seen | logged, ")
    (spec,) = (each.spec for each in read_pipelines(text).pipelines.values())
    assert spec.fields.recorded == "seen | logged"
    source = "{like: slack, fields: {id: id | uid, time: created_at | at}}"
    like = f"p: {{source: {source}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    (found,) = read_pipelines(like).pipelines.values()
    assert (found.spec.fields.id, found.spec.fields.time) == ("id | uid", "created_at | at")


def test_a_secret_setting_does_not_belong_in_the_file():
    text = changed(
        "settings: {organization: the organisation's short name}",
        "settings: {organization: {meaning: m, secret: true}}",
    )
    assert "acme.settings.organization: belongs in the connection's extra" in mistakes(text)


LIST_ITSELF = "the answer is a list and has nothing at"


@pytest.mark.parametrize(
    ("paging", "said"),
    [
        ("{type: cursor, param: c, cursor_at: next}", f"cursor_at: records_at is empty, so {LIST_ITSELF} 'next'"),
        (
            "{type: cursor, param: c, cursor_at: 'header: x', more_at: more}",
            f"more_at: records_at is empty, so {LIST_ITSELF}",
        ),
        ("{type: page, param: p, next_at: next}", "next_at: records_at is empty"),
        ("{type: page, param: p, more_at: more}", "more_at: records_at is empty"),
        ("{type: page, param: p, pages_at: pages}", "pages_at: records_at is empty"),
        ("{type: page, param: p, total_at: total}", "total_at: records_at is empty"),
        ("{type: next_url, url_at: links.next}", "url_at: records_at is empty"),
        ("{type: offset, param: o, total_at: total}", "total_at: records_at is empty"),
        ("{type: object_id, param: a, more_at: more}", "more_at: records_at is empty"),
        ("{type: cursor, param: c, cursor_at: headers.NextPageToken}", "did you mean 'header: NextPageToken'?"),
        ("{type: cursor, param: c, cursor_at: 'header:'}", "'header:' does not name a header"),
        ("{type: cursor, param: c, cursor_at: 'header: two words'}", "'header: two words' does not name a header"),
        ("{type: cursor, param: c, cursor_at: ''}", "cursor_at: must not be empty"),
        ("{type: next_url, url_at: ''}", "url_at: must not be empty"),
        ("{type: link, hosts: ['https://inner']}", "hosts: 'https://inner' must be only the name of a host"),
    ],
)
def test_paging_that_can_lead_nowhere_is_refused(paging, said):
    text = changed("records_at: data", "records_at: ''").replace(
        "{type: cursor, param: cursor, cursor_at: meta.next}", paging
    )
    assert f"acme.source.paging.{said}" in mistakes(text) or said in mistakes(text)


@pytest.mark.parametrize(
    "paging",
    [
        "{type: cursor, param: c, cursor_at: 'header: NextPageToken', ends_at: [0, -1]}",
        "{type: page, param: p, next_at: 'header:x-next-page'}",
        "{type: page, param: p, pages_at: 'Header: X-Total-Pages', ends_when_same: true}",
        "{type: next_url, url_at: 'header: NextPageUri', hosts: [inner.example]}",
        "{type: object_id, param: a, more_at: 'header: x-more'}",
        "{type: object_id, param: a}",
        "{type: offset, param: o, total_at: 'header: x-total'}",
        "{type: link}",
        "{type: page, param: p}",
        "{type: none}",
    ],
)
def test_paging_of_a_list_by_headers_can_be_written(paging):
    text = changed("records_at: data", "records_at: ''").replace(
        "{type: cursor, param: cursor, cursor_at: meta.next}", paging
    )
    assert spec_of(text).records_at == ""


def test_paging_of_a_built_in_source_is_looked_at_too():
    source = "{like: github, paging: {type: page, param: page, next_at: next}}"
    text = f"p: {{source: {source}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    assert "p.source.paging.next_at: records_at is empty" in mistakes(text)


def test_a_list_whose_last_page_comes_again_is_not_followed_without_ids():
    entry = {
        "base_url": "https://api.example.com",
        "request": {"method": "GET", "path": "/log"},
        "reading": {"type": "measured_list"},
        "paging": {"type": "page", "param": "page", "ends_when_same": True},
        "records_at": "items",
        "fields": {"id": "", "time": "t"},
        "rate_limit": {"requests": 60},
    }
    with pytest.raises(ConfigurationError, match="measured_list follows the end of a list"):
        source_of(entry, "p.source", REGISTRY, "p")
    assert source_of({**entry, "fields": {"id": "id", "time": "t"}}, "p.source", REGISTRY, "p").name == "p"
