"""What a destination is asked for is found there, whatever a record holds: nothing is said to be missing or altered."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.formats import FORMATS
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from tests.real.account import Shipment
from tests.real.adverse import NOW, ORIGIN, adverse_events
from tests.real.asking import Counts, Questions
from tests.real.clients import http_client

FORMS = ("raw", "envelope", "ecs", "ocsf")


@pytest.mark.parametrize("form", FORMS)
def test_a_bucket(moto, form):
    bucket = f"adverse-{form}"
    moto.client().create_bucket(Bucket=bucket)
    own = FORMATS[form](ORIGIN, "1.1")
    destination = S3Destination(S3Options(bucket=bucket), ORIGIN, moto.client(), now=lambda: NOW, form=own)
    shipment = Shipment(adverse_events()).run(destination)
    events = shipment.delivered()
    assert len(events) == len(shipment.events)
    entry = {"type": "s3", "bucket": bucket, "format": form}
    assert Questions(entry, moto.client()).ask(events) == Counts(len(events))


@pytest.mark.parametrize("form", FORMS)
def test_an_index(form):
    with ElasticsearchService(api_keys=["id:key"], streams=["logs-saas_audit.slack-default"]) as cluster:
        client = http_client(cluster.url, headers={"Authorization": "ApiKey aWQ6a2V5"})
        own = FORMATS[form](ORIGIN, "1.1")
        destination = ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client, form=own)
        shipment = Shipment(adverse_events()).run(destination)
        events = shipment.delivered()
        assert len(events) > len(shipment.events) // 2
        assert Questions({"type": "elasticsearch", "format": form}, client).ask(events) == Counts(len(events))
