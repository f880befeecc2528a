"""The JSON schema of the pipelines file says yes and no where the loader does."""

from __future__ import annotations

import json
from datetime import date

import pytest
import yaml
from jsonschema import Draft202012Validator

from audit_provider.core.destinations.registry import ABOUT
from audit_provider.core.pipeline import read_pipelines
from audit_provider.core.sources import REGISTRY
from tests.core.sources.test_inline import WHOLE
from tests.documentation import ROOT
from tests.test_docs import pipelines_shown

SCHEMA = json.loads((ROOT / "docs/pipelines.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
S3 = "destinations: {s3: {type: s3, bucket: b}}"


def content_of(text):
    """Return a file's content as an editor sees it: times are texts there."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.isoformat() if isinstance(value, date) else value

    return plain(yaml.safe_load(text))


def answers(text):
    """Return what schema and loader say, in this order."""
    return VALIDATOR.is_valid(content_of(text)), not read_pipelines(text).mistakes


def entry(text):
    return f"p: {{source: pylon, {S3}, {text}}}"


def source(text):
    return f"p: {{source: {text}, {S3}}}"


def destination(text):
    return f"p: {{source: pylon, destinations: {{d: {text}}}}}"


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_file_is_right():
    assert answers((ROOT / "dags/audit_pipelines.yaml").read_text()) == (True, True)


@pytest.mark.parametrize("block", pipelines_shown(), ids=str)
def test_what_the_pages_show_is_right(block):
    assert answers(block.text) == (True, True), [error.message for error in VALIDATOR.iter_errors(block.text)]


@pytest.mark.parametrize("name", REGISTRY)
def test_every_source_is_known_with_its_settings(name):
    settings = {key: "x" for key, each in REGISTRY[name].settings.items() if not each.secret}
    pipeline = {"source": name, "settings": settings, "destinations": {"s3": {"type": "s3", "bucket": "b"}}}
    assert answers(yaml.safe_dump({"p": pipeline})) == (True, True)
    settings["there_is_none"] = "x"
    assert answers(yaml.safe_dump({"p": pipeline})) == (False, False)


@pytest.mark.parametrize("name", ABOUT)
def test_every_destination_is_known_and_its_keys_are(name):
    good = {"type": name, **ABOUT[name].example}
    assert answers(yaml.safe_dump({"p": {"source": "pylon", "destinations": {"d": good}}})) == (True, True)
    wrong = {**good, "there_is_none": 1}
    assert answers(yaml.safe_dump({"p": {"source": "pylon", "destinations": {"d": wrong}}})) == (False, False)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        entry("schedule: null"),
        entry('schedule: "@hourly"'),
        entry("start: 2026-01-01"),
        entry("start: 2026-01-01T10:00:00Z"),
        entry("reading: {overlap: 60}"),
        entry("reading: {overlap: PT1M}"),
        entry("rate_limit: {requests: 5}"),
        entry("reconcile: false, monitoring: false"),
        entry("monitoring: {notify: [{notifier: a.b.C, to: soc, severity: info}], fail_on: critical}"),
        destination("{type: s3, bucket: b, only: [a], except: [b], redact: {drop: [x], hash: [y]}, concurrency: 16}"),
        destination("{type: syslog, format: cef, enabled: false}"),
        source("{like: workos_export, export: {ready: done}}"),
        source("{like: pigment, paging: {param: c}, settings: {a: what it is, b: {meaning: m, secret: true}}}"),
        source("{like: okta, recovery: {lookback: P30D}}"),
    ],
)
def test_both_take_what_is_right(text):
    assert answers(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "p: {source: pylon}",
        "p: {source: pylon, destinations: {}}",
        source("pilon"),
        source("pylon").replace("p:", "-p:", 1),
        f"p: {{{S3}}}",
        entry("schedul: '@daily'"),
        entry("schedule: every day"),
        entry("start: yesterday"),
        entry("page_size: 0"),
        entry("page_size: 100000"),
        entry("retention_days: 0"),
        entry("run_minutes: 0"),
        entry("backfill_share: 0"),
        entry("backfill_share: 1.5"),
        entry("reading: {overlapp: 60}"),
        entry("reading: {overlap: soon}"),
        entry("rate_limit: {request: 5}"),
        entry("settings: {organization: acme}"),
        entry("reconcile: {after: soon}"),
        entry("reconcile: daily"),
        entry("monitoring: {without: [nothing]}"),
        entry("monitoring: {lag: 3}"),
        entry("monitoring: {notify: [{severity: info}]}"),
        entry("monitoring: {notify: [{notifier: a.b.C, severity: loud}]}"),
        destination("{bucket: b}"),
        destination("{type: s4, bucket: b}"),
        destination("{type: s3}"),
        destination("{type: s3, bucket: b, index: audit}"),
        destination("{type: s3, bucket: b, format: xml}"),
        destination("{type: s3, bucket: b, concurrency: 17}"),
        destination("{type: s3, bucket: b, omit: [a]}"),
        destination("{type: s3, bucket: b, redact: {remove: [a]}}"),
        destination("{type: s3, bucket: b, too_old: drop}"),
        destination("{type: s3, bucket: b, object_lock: SOMETIMES}"),
        destination("{type: splunk_hec, batch_events: many}"),
        WHOLE.replace("type: closed_windows", "type: open_windows"),
        WHOLE.replace("records_at", "record_at"),
        WHOLE.replace("times: epoch_ms", "times: unix"),
        WHOLE.replace("fields: {id: uid, time: at, action: what}", "fields: {id: uid}"),
        WHOLE.replace("method: GET", "method: FETCH"),
        WHOLE.replace("param: cursor, ", ""),
        source("{like: nothing}"),
        source("{like: pylon, pageing: {}}"),
    ],
)
def test_both_refuse_what_is_wrong(text):
    assert answers(text) == (False, False)
