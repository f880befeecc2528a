"""How long a destination that says "later" is left alone."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.datadog import DatadogDestination, DatadogOptions
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from tests.core.destinations.stand_ins import NOW, ORIGIN, batch_of, client_of

DESTINATIONS = {
    "http": lambda client: HttpDestination(HttpOptions(), ORIGIN, client),
    "datadog": lambda client: DatadogDestination(DatadogOptions(), ORIGIN, client, client),
    "elasticsearch": lambda client: ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client),
    "splunk_hec": lambda client: SplunkHecDestination(SplunkHecOptions(), ORIGIN, client, None),
}
FAR = str(int(NOW.timestamp()) + 3000)
BUSY_ITEM = {"errors": True, "items": [{"create": {"status": 503}}]}


@pytest.mark.parametrize("name", DESTINATIONS)
@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": FAR}, 3000),
        (502, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": FAR}, 3000),
        (502, {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": FAR}, None),
        (503, {"X-RateLimit-Reset": FAR, "Retry-After": "7"}, 7),
    ],
)
def test_the_end_of_the_budgets_period_is_waited_for_where_the_budget_is_used_up(serve, name, status, headers, wait):
    assert waited(name, serve(lambda request: (status, headers, {}))) == wait


def test_a_store_that_is_busy_with_one_event_is_not_left_alone_until_the_periods_end(serve):
    assert waited("elasticsearch", serve(lambda request: (200, {"X-RateLimit-Reset": FAR}, BUSY_ITEM))) is None


def waited(name, server):
    destination = DESTINATIONS[name](client_of(server))
    outcome = destination.send(batch_of(destination, "a"))
    assert outcome.verdicts == (Verdict.RETRY,)
    return outcome.wait
