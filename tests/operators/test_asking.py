"""The scheduled verification asks destinations for what they confirmed: what they lack is found on its day."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from botocore.stub import Stubber
from isal import igzip

from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.asking import ASKED_WITHIN, Asking, lacking
from audit_provider.core.runs.calendar import Calendar
from audit_provider.core.spool import LocalStore
from audit_provider.core.verification.day_arrivals import DayObjects
from audit_provider.operators import (
    AuditLogsToElasticsearchOperator,
    AuditLogsToS3Operator,
    VerifyAuditLogsOperator,
)
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.sandbox.events import generate
from tests.core.destinations.stand_ins import event
from tests.core.runs.conftest import NOW
from tests.operators.conftest import SMALL, context
from tests.operators.test_verify import at_turn, events

DAY = timedelta(days=1)


@pytest.fixture
def asked(world, compare, ending, moto):
    """A day that was read, compared and shipped to a bucket, and its verification."""

    class Rig:
        day = (ending - DAY).date()
        client = moto.client()
        options: dict = {}
        later = world.now + timedelta(minutes=1)

        def entry(self, **options):
            return {"type": "s3", "bucket": world.bucket, **options}

        def begin(self, **options):
            self.options = options
            world.pull()
            compare()
            self.ship()
            return self

        def ship(self):
            delivery = self.pipeline().destinations["s3"]
            spool = f"file://{world.spool}"
            AuditLogsToS3Operator.of_delivery(delivery, task_id="s", pipeline="p", spool=spool).execute(context())

        def pipeline(self, **reconcile):
            entries = {"source": "pylon", "destinations": {"s3": self.entry(**self.options)}, "reconcile": reconcile}
            return pipeline_from("p", entries)

        def verify(self, now=None, pipeline=None):
            task = VerifyAuditLogsOperator(
                task_id="verify", pipeline=pipeline or self.pipeline(), spool=f"file://{world.spool}"
            )
            task.now = lambda: now or world.now
            return task.execute(context())

        def found(self, **arguments):
            self.verify(**arguments)
            return self.calendar()

        def calendar(self):
            return Calendar.load(LocalStore(world.spool), "p").days[self.day]

        def key(self):
            kept = self.client.list_objects_v2(Bucket=world.bucket).get("Contents", [])
            marks = (str(self.day), f"{self.day:%Y%m%d}")
            return next(each["Key"] for each in kept if any(mark in each["Key"] for mark in marks))

        def get(self, key):
            return self.client.get_object(Bucket=world.bucket, Key=key)["Body"].read()

        def put(self, key, content):
            self.client.put_object(Bucket=world.bucket, Key=key, Body=content)

        def delete(self, key):
            self.client.delete_object(Bucket=world.bucket, Key=key)

    return Rig()


FORMS = [
    {},
    {"prefix": "audit/logs"},
    {"format": "envelope"},
    {"format": "ecs"},
    {"format": "ocsf"},
    {"layout": "datadog_archive"},
    {"layout": "datadog_archive", "format": "ecs"},
    {"redact": {"hash": ["actor_email"], "drop": ["ip"]}},
]


@SMALL
@pytest.mark.parametrize("options", FORMS, ids=str)
def test_a_bucket_that_has_the_events_of_a_day_proves_it(asked, options):
    found = asked.begin(**options).found()
    answer = found.asked["s3"]
    assert (answer.events, answer.missing, answer.altered, answer.why_not) == (found.events, 0, 0, "")
    assert found.events > 0
    assert found.state == "proven"


@SMALL
@pytest.mark.parametrize("options", FORMS, ids=str)
def test_an_object_that_is_gone_is_found_on_its_day_until_it_is_there_again(asked, world, options):
    key = asked.begin(**options).key()
    kept = asked.get(key)
    asked.delete(key)
    with pytest.raises(
        AirflowFailException, match=rf"{asked.day}: s3: \d+ are missing of \d+ events that it confirmed"
    ):
        asked.verify()
    found = asked.calendar()
    answer = found.asked["s3"]
    assert found.state == "gap"
    assert 0 < answer.missing <= answer.events == found.events
    assert found.reason == f"s3: {answer.lacks}"
    assert answer.first in world.pylon.ids()
    later = world.now + ASKED_WITHIN + 2 * DAY
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify(now=later)
    asked.put(key, kept)
    assert asked.found(now=later).state == "proven"


def test_what_was_found_at_the_destinations_is_kept_as_evidence(asked, world):
    asked.begin().verify()
    said = events(world)[-1]["asked"][str(asked.day)]["s3"]
    assert said["events"] == asked.calendar().events
    asked.verify(now=world.now + timedelta(minutes=1))
    assert str(asked.day) not in events(world)[-1]["asked"], "a day that is proven is asked for once"


def test_a_line_that_was_changed_is_missing(asked):
    key = asked.begin().key()
    lines = igzip.decompress(asked.get(key)).replace(b'"action":"', b'"action":"Not', 1)
    asked.delete(key)
    asked.put(f"{key.rpartition('/')[0]}/{hashlib.sha256(lines).hexdigest()[:32]}.ndjson.gz", igzip.compress(lines))
    with pytest.raises(AirflowFailException, match="1 are missing"):
        asked.verify()


def test_a_record_that_was_changed_within_its_document_is_altered(asked):
    key = asked.begin(format="envelope").key()
    lines = igzip.decompress(asked.get(key)).replace(b'"raw":{', b'"raw":{"more":1,', 1)
    asked.put(key, igzip.compress(lines))
    with pytest.raises(AirflowFailException, match="1 are altered"):
        asked.verify()
    assert asked.calendar().state == "gap"


def test_an_object_that_cannot_be_decompressed_has_nothing(asked):
    key = asked.begin().key()
    asked.put(key, b"not gzip")
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify()


def test_foreign_objects_in_a_partition_change_nothing(asked):
    key = asked.begin(format="ecs").key()
    folder = key.rpartition("/")[0]
    asked.put(f"{folder}/notes.txt", b"x")
    asked.put(f"{folder}/{'0' * 32}.ndjson.gz", igzip.compress(b'[1]\nx\n{"event":1}\n\n{"event":{"id":7}}\n'))
    assert asked.found().state == "proven"


def test_a_bucket_that_may_not_be_read_is_said_and_takes_no_proof(asked, monkeypatch):
    asked.begin()
    make = DayObjects.__init__

    def stubbed(self, client, *arguments, **options):
        stubber = Stubber(client)
        stubber.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        stubber.activate()
        make(self, client, *arguments, **options)

    monkeypatch.setattr(DayObjects, "__init__", stubbed)
    found = asked.found()
    assert found.state == "proven"
    assert "refuses list_objects_v2 (AccessDenied)" in found.asked["s3"].why_not


def test_a_bucket_that_is_gone_proves_nothing(asked, world):
    asked.begin()
    for each in asked.client.list_objects_v2(Bucket=world.bucket)["Contents"]:
        asked.delete(each["Key"])
    asked.client.delete_bucket(Bucket=world.bucket)
    found = asked.found()
    assert found.state == "read"
    assert "NoSuchBucket" in found.reason


def test_a_bucket_that_does_not_answer_is_asked_in_the_next_run(asked, world, moto):
    asked.begin()
    place = {"region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    world.connect("AWS_DEFAULT", extra={**place, "endpoint_url": "http://127.0.0.1:1"})
    found = asked.found()
    assert (found.state, found.asked["s3"].later) == ("read", True)
    assert found.reason.startswith("s3 was not asked yet: the destination at s3://")
    assert "cannot be reached" in found.reason
    world.connect("AWS_DEFAULT", extra={**place, "endpoint_url": moto.url})
    assert asked.found().state == "proven"


def test_what_was_spooled_longer_ago_is_not_asked_for(asked, world):
    asked.begin()
    asked.delete(asked.key())
    found = asked.found(now=world.now + ASKED_WITHIN + DAY)
    assert (found.state, found.asked) == ("proven", {})


def test_a_day_with_new_events_is_asked_for_again(asked, world, ending, compare):
    asked.begin().verify()
    before = asked.calendar().asked["s3"]
    late = generate(3, ending - DAY / 2, ending - DAY / 2 + timedelta(minutes=1), seed=9)
    world.pylon.add(late)
    world.variables.delete("audit_logs.p.cursor")
    world.pull()
    asked.ship()
    answer = asked.found(now=world.now + timedelta(minutes=1)).asked["s3"]
    assert answer.at > before.at
    assert answer.events == before.events + len(late)


def test_a_change_of_the_configuration_is_no_fault_of_what_was_sent_before(asked, world):
    asked.begin()
    asked.options = {"format": "ecs"}
    world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    asked.ship()
    found = asked.found(now=world.now + timedelta(minutes=1))
    assert found.state == "proven"
    assert "its configuration was changed at" in found.asked["s3"].why_not


@pytest.mark.parametrize("has", [True, False])
def test_of_a_day_that_was_shipped_under_two_configurations_it_is_said_only_what_is_missing(has):
    changed = NOW - timedelta(hours=1)

    class Far:
        tells_all = by_content = False

        def key(self, folder, segment, event):
            return event.id, ()

        def gather(self, ids, days):
            pass

        def count(self, ids):
            return dict.fromkeys(ids, 1) if has else {}

        def said(self, name):
            return ()

    far = Far()
    with Asking(lambda name: far, ["far"], {}, {NOW.date()}, NOW, {"far": changed}) as asking:
        for name, written_at in (("a", changed - timedelta(hours=1)), ("b", NOW)):
            asking.meet("far", "p/live", SimpleNamespace(number=1, written_at=written_at), event(name, time=NOW))
        answer = asking.answers()[NOW.date()]["far"]
    assert (answer.events, answer.missing) == ((0, 0) if has else (1, 1))
    assert ("its configuration was changed at" in answer.why_not) is has


@pytest.mark.parametrize("options", [{"format": "ecs"}, {"format": "cef"}], ids=["changed", "cannot be asked"])
def test_what_is_missing_stays_missing_where_it_cannot_be_asked_for_any_more(asked, world, options):
    asked.begin()
    asked.delete(asked.key())
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify()
    before = asked.calendar()
    asked.options = options
    world.pylon.add(generate(1, world.now - timedelta(minutes=2), world.now, seed=5))
    world.pull()
    asked.ship()
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify(now=asked.later)
    found = asked.calendar()
    assert (found.state, found.reason, found.asked) == (before.state, before.reason, before.asked)


@pytest.mark.parametrize("why", ["off", "removed", "not enabled"])
def test_what_nobody_will_ask_for_again_fails_no_further_run(asked, why):
    asked.begin()
    asked.delete(asked.key())
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify()
    pipeline = asked.pipeline(ask_destinations=False) if why == "off" else asked.pipeline()
    if why != "off":
        idle = {"s3": replace(pipeline.destinations["s3"], enabled=False)} if why == "not enabled" else {}
        pipeline = replace(pipeline, destinations=idle)
    assert asked.verify(pipeline=pipeline, now=asked.later)["lacking"] == 0


def test_what_retention_has_removed_fails_no_further_run(asked):
    asked.begin()
    asked.delete(asked.key())
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify()
    day = asked.calendar()
    assert len(lacking({asked.day: day}, ["s3"])) == 1
    assert lacking({asked.day: msgspec.structs.replace(day, kept=False)}, ["s3"]) == []


def test_what_cannot_be_asked_is_said_and_its_confirmation_counts(asked, world, compare):
    found = asked.begin(format="cef").found()
    said = "the format cef does not say where the id of an event is"
    assert (found.state, found.asked["s3"].why_not) == ("proven", said)
    world.ship("splunk", destination="splunk")
    entries = {"s3": asked.entry(format="cef"), "splunk": {"type": "splunk_hec"}}
    pipeline = pipeline_from("p", {"source": "pylon", "destinations": entries})
    found = at_turn(world, asked.day, lambda: asked.found(pipeline=pipeline))
    assert found.state == "proven"
    assert found.asked["splunk"].why_not == "a destination of type splunk_hec cannot be asked for single events"


def test_destinations_are_not_asked_where_the_pipeline_says_so(asked):
    asked.begin()
    asked.delete(asked.key())
    found = asked.found(pipeline=asked.pipeline(ask_destinations=False))
    assert (found.state, found.asked) == ("proven", {})


STREAM = "logs-saas_audit.pylon-default"
SEARCHES = pipeline_from("p", {"source": "pylon", "destinations": {"s3": {"type": "elasticsearch"}}})
KEY = "k:canary-elastic-key-5b5b"


@pytest.fixture
def cluster(asked, world, compare, monkeypatch):
    """A cluster that the day was shipped to."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with ElasticsearchService(api_keys=[KEY], streams=[STREAM]) as service:
        connection = {"conn_type": "elasticsearch_logs", "host": service.url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_ELASTICSEARCH_LOGS_DEFAULT", json.dumps(connection))
        world.pull()
        compare()
        delivery, spool = SEARCHES.destinations["s3"], f"file://{world.spool}"
        AuditLogsToElasticsearchOperator.of_delivery(delivery, task_id="s", pipeline="p", spool=spool).execute(
            context()
        )
        yield service


def of_the_day(cluster, asked):
    """Return the documents of the day, and where they lie."""
    entries = cluster.targets[STREAM].entries()
    return [(name, document) for _, name, document in entries if document["@timestamp"].startswith(str(asked.day))]


def test_a_cluster_is_asked_for_the_events_of_a_day(asked, cluster):
    found = asked.found(pipeline=SEARCHES)
    assert found.state == "proven"
    assert found.asked["s3"].events == found.events == len(of_the_day(cluster, asked))
    cluster.targets[STREAM]._generations[-1].clear()
    assert asked.found(now=asked.later, pipeline=SEARCHES).asked == found.asked, "what is proven is asked for once"


def test_documents_that_are_lost_or_changed_are_found_on_their_day(asked, cluster):
    (name, document), (_, other), *_ = of_the_day(cluster, asked)
    del cluster.targets[STREAM]._generations[-1][name]
    record = json.loads(other["event"]["original"])
    other["event"]["original"] = json.dumps(record | {"action": "IssueOpened, not what it was"})
    other.text = json.dumps(other)
    with pytest.raises(AirflowFailException, match="1 are missing and 1 are altered of"):
        asked.verify(pipeline=SEARCHES)
    assert asked.calendar().asked["s3"].first in (document["event"]["id"], other["event"]["id"])


def test_a_credential_that_may_only_write_is_said_and_takes_no_proof(asked, cluster):
    cluster.may_read = False
    found = asked.found(pipeline=SEARCHES)
    assert found.state == "proven"
    assert "the index privilege 'read'" in found.asked["s3"].why_not


def test_a_task_whose_dag_file_has_no_options_reads_them_from_the_pipelines_file(asked, world, monkeypatch, tmp_path):
    asked.begin()
    asked.delete(asked.key())
    pipeline = asked.pipeline()
    bare = replace(pipeline, destinations={"s3": replace(pipeline.destinations["s3"], options=None)})
    described = tmp_path / "pipelines.yaml"
    described.write_text(json.dumps({"p": {"source": "pylon", "destinations": {"s3": asked.entry()}}}))
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__PIPELINES_FILE", str(described))
    with pytest.raises(AirflowFailException, match="are missing"):
        asked.verify(pipeline=bare)
