"""The layouts of S3 beside the default: read back as their readers would, and shipped again without a double."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from datetime import timedelta

import msgspec
import pytest
from botocore.exceptions import ClientError
from isal import igzip

from audit_provider.core.delivery import delivery_from, form_of
from audit_provider.core.destinations.datadog import DatadogDestination, DatadogOptions
from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.core.model import Event
from audit_provider.sandbox.s3 import ids_in
from tests.core.destinations.stand_ins import NOW, ORIGIN, Crash, Desk, Server, client_of, event, objects

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LAKE = {"layout": "security_lake", "source_name": "slack", "region": "eu-central-1"}


class Documents:
    """A form: OCSF by hand. The record's ``class`` names the class, ``add`` what else is in the document."""

    is_json = True

    def __init__(self, version="1.1.0"):
        self._version = version

    def write(self, event):
        record = json.loads(bytes(event.raw))
        class_uid = record.get("class", 3002)
        document = {
            "class_uid": class_uid,
            "category_uid": class_uid // 1000,
            "activity_id": 1,
            "type_uid": class_uid * 100 + 1,
            "severity_id": 1,
            "time": int(event.time.timestamp() * 1000),
            "metadata": {
                "version": self._version,
                "uid": event.id,
                "product": {"vendor_name": "Slack", "name": "Slack"},
            },
            "user": {"uid": "u1", "email_addr": "ada@x.org"},
            "raw_data": bytes(event.raw).decode(),
            **record.get("add", {}),
        }
        return record["broken"].encode() if "broken" in record else msgspec.json.encode(document)


def s3(bucket, form=None, **options):
    client, name = bucket
    return S3Destination(S3Options(bucket=name, **options), ORIGIN, client, now=lambda: NOW, form=form)


def lake(bucket, form=None, **options):
    return s3(bucket, form or Documents(), **{**LAKE, **options})


def archive(bucket, **options):
    return s3(bucket, layout="datadog_archive", **options)


def ids(bucket):
    return sorted(ids_in(*bucket))


MIXED = [
    [
        event("late", time=NOW + HOUR),
        event("early", time=NOW - HOUR),
        event("yesterday", time=NOW - DAY),
        event("api", time=NOW, **{"class": 6003}),
    ],
    [event("second"), event("second-api", **{"class": 6003})],
]
ALL = sorted(each.id for segment in MIXED for each in segment)


class Failing:
    """The bucket, except that keys with ``part`` in them meet ``error`` instead."""

    def __init__(self, client, part, error):
        self._client, self._part, self._error = client, part, error

    def put_object(self, **arguments):
        if self._part in arguments["Key"]:
            raise self._error
        return self._client.put_object(**arguments)

    def __getattr__(self, name):
        return getattr(self._client, name)


THROTTLED = ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject")


# --- Both layouts


@pytest.mark.parametrize("make", [lake, archive])
def test_shipping_again_stores_nothing_twice(bucket, make):
    Desk().ship(make(bucket), MIXED)
    before = set(objects(bucket))
    desk = Desk()
    desk.ship(make(bucket), MIXED)
    assert set(objects(bucket)) == before
    assert ids(bucket) == ALL
    assert (desk.offset.counts.delivered, desk.offset.counts.already_there) == (0, 6)


@pytest.mark.parametrize(
    ("make", "part"), [(lake, "slack-6003"), (lake, "eventDay=20260301"), (archive, "dt=20260301/hour=12")]
)
def test_a_crash_between_objects_loses_nothing_and_stores_nothing_twice(bucket, make, part):
    client, name = bucket
    desk = Desk()
    with pytest.raises(Crash):
        desk.ship(make((Failing(client, part, Crash()), name)), MIXED)
    stored = ids(bucket)
    assert 0 < len(stored) < 6, "some objects of the batch were written, others not"
    assert desk.commits == []
    desk.ship(make(bucket), MIXED)
    assert ids(bucket) == ALL
    counts = desk.offset.counts
    assert (counts.already_there, counts.delivered) == (len(stored), 6 - len(stored))


@pytest.mark.parametrize(("make", "part"), [(lake, "slack-3002"), (archive, "dt=20260301/hour=12")])
def test_an_object_that_fails_costs_no_event(bucket, make, part):
    client, name = bucket
    desk = Desk()
    with pytest.raises(UnavailableError):
        desk.ship(make((Failing(client, part, THROTTLED), name)), MIXED, tries=2)
    assert desk.letters == {}
    desk.ship(make(bucket), MIXED)
    assert ids(bucket) == ALL
    assert desk.offset.counts.finished == 6


@pytest.mark.parametrize("make", [lake, archive])
def test_several_batches_at_once_store_each_event_once(bucket, make):
    desk = Desk()
    events = [[event(f"{segment}-{number}") for number in range(20)] for segment in range(8)]
    desk.ship(make(bucket), events, concurrency=4)
    assert ids(bucket) == sorted(each.id for segment in events for each in segment)
    assert desk.offset.counts.delivered == 160


# --- Datadog's archive

RAW = b'{"z":1,  "a":1.10, "action":"user_login","actor":{"user":{"email":"ada@x.org"}},"context":{"ip":"1.2.3.4"}}'
MOMENT = NOW.replace(hour=14, minute=32, second=1, microsecond=123456)


def logs(bucket):
    return {
        key: [json.loads(line) for line in igzip.decompress(each["Body"].read()).splitlines()]
        for key, each in objects(bucket).items()
    }


def test_the_key_is_as_datadog_documents_it_by_the_hour_of_the_events(bucket):
    later = MOMENT + timedelta(minutes=3)
    Desk().ship(archive(bucket, prefix="logs/"), [[event("b", time=later), event("a", time=MOMENT), event("c")]])
    found = logs(bucket)
    assert all(
        re.fullmatch(
            r"logs/dt=20260301/hour=\d\d/archive_\d{6}\.\d{4}\."
            r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json\.gz",
            key,
        )
        for key in found
    )
    assert {key[:45]: [log["attributes"]["evt"]["id"] for log in each] for key, each in found.items()} == {
        "logs/dt=20260301/hour=14/archive_143201.1234.": ["b", "a"],
        "logs/dt=20260301/hour=12/archive_120000.0000.": ["c"],
    }


def test_a_log_has_the_archives_fields_and_the_vendors_bytes(bucket):
    destination = archive(bucket, source_name="okta", service="svc", hostname="h", tags=("team:sec",))
    encoded = destination.encode(Event("e1", MOMENT, msgspec.Raw(RAW)), restamp=False)
    assert RAW in encoded
    log = json.loads(encoded)
    assert list(log) == ["_id", "date", "source", "service", "status", "tags", "host", "message", "attributes"]
    assert log["date"] == "2026-03-01T14:32:01.123Z"
    assert (log["source"], log["service"], log["status"], log["host"]) == ("okta", "svc", "info", "h")
    assert log["tags"] == ["pipeline:payroll", "audit_source:slack", "team:sec"]
    assert log["message"] == "user_login by ada@x.org"
    assert log["attributes"]["event"] == json.loads(RAW)


def test_an_archived_log_has_the_attributes_of_the_same_log_sent_to_the_intake(bucket):
    each = Event("e1", MOMENT, msgspec.Raw(RAW))
    client = client_of(Server(None, "http://127.0.0.1:9"))
    sent = json.loads(DatadogDestination(DatadogOptions(), ORIGIN, client, client).encode(each, restamp=False))
    archived = json.loads(archive(bucket).encode(each, restamp=False))
    assert archived["attributes"] == {key: sent[key] for key in ("evt", "usr", "network", "event")}
    assert (archived["message"], archived["source"], archived["service"]) == (
        sent["message"],
        sent["ddsource"],
        sent["service"],
    )
    assert "host" not in archived


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (MOMENT, 1_772_375_521_123),
        (NOW.replace(microsecond=999_999), 1_772_366_400_999),
        (NOW.replace(year=1960), 0),
    ],
)
def test_an_id_is_18_bytes_that_begin_with_the_milliseconds_and_stay_the_same(bucket, time, milliseconds):
    def log_id(name):
        return json.loads(archive(bucket).encode(event(name, time=time), restamp=False))["_id"]

    content = base64.b64decode(log_id("a"), validate=True)
    assert len(content) == 18
    assert int.from_bytes(content[:6], "big") == milliseconds
    assert log_id("a") == log_id("a") != log_id("b")


# --- Options


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"region": "eu-central-1"}, "region"),
        ({"account_id": "123456789012"}, "account_id"),
        ({"source_version": "1"}, "source_version"),
        ({"source_name": "slack"}, "source_name"),
        ({"service": "s"}, "service"),
        ({"tags": ("a:b",)}, "tags"),
        ({**LAKE, "hostname": "h"}, "hostname"),
        ({**LAKE, "source_name": None}, "source_name"),
        ({**LAKE, "source_name": "x" * 16}, "20 characters"),
        ({**LAKE, "source_name": "a/b"}, "source_name"),
        ({**LAKE, "region": None}, "region"),
        ({**LAKE, "region": "eu/1"}, "region"),
        ({**LAKE, "account_id": "123"}, "account_id"),
        ({**LAKE, "source_version": "1/2"}, "source_version"),
        ({**LAKE, "prefix": "siem"}, "prefix"),
        ({**LAKE, "batch_bytes": 256_000_001}, "batch_bytes"),
        ({"layout": "datadog_archive", "region": "eu-central-1"}, "region"),
        ({"layout": "datadog_archive", "storage_class": "GLACIER"}, "rehydrate"),
        ({"layout": "datadog_archive", "storage_class": "DEEP_ARCHIVE"}, "rehydrate"),
    ],
)
def test_options_that_do_not_fit_their_layout_are_refused(options, word):
    with pytest.raises(ValueError, match=word):
        S3Options(bucket="b", **options)


def test_options_that_fit_are_taken():
    S3Options(bucket="b", **{**LAKE, "source_name": "x" * 15, "account_id": "123456789012"})
    S3Options(bucket="b", layout="datadog_archive", storage_class="GLACIER_IR", prefix="x", tags=("a:b",))


def test_a_layout_brings_its_format_where_the_pipelines_file_names_none():
    entry = {"type": "s3", "bucket": "b"}
    assert delivery_from("d", entry, "p").options.default_format == "raw"
    assert delivery_from("d", {**entry, **LAKE}, "p").options.default_format == "ocsf"
    with pytest.raises(ConfigurationError, match="layout"):
        delivery_from("d", {**entry, "layout": "glue"}, "p")


def test_the_format_ocsf_goes_into_the_lake_as_it_is(bucket):
    delivery = delivery_from("d", {"type": "s3", "bucket": bucket[1], **LAKE}, "p")
    form = form_of(delivery, ORIGIN)
    destination = S3Destination(delivery.options, ORIGIN, bucket[0], now=lambda: NOW, form=form)
    events = [Event(f"e{number}", NOW, msgspec.Raw(RAW)) for number in range(5)]
    Desk().ship(destination, [events])
    assert Counter(ids(bucket)) == Counter(each.id for each in events)
