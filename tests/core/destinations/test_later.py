"""What means "later" to every destination that speaks HTTP: a class of answers, and none of them loses or stops."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.datadog import DatadogDestination, DatadogOptions
from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.http_presets import PRESETS
from audit_provider.core.destinations.sentinel import SentinelDestination, SentinelOptions
from audit_provider.core.destinations.splunk_hec import SplunkHecDestination, SplunkHecOptions
from audit_provider.core.errors import RetryError, StopError, UnavailableError
from tests.core.destinations.stand_ins import ORIGIN, Desk, batch_of, client_of, event

SENTINEL = SentinelOptions(rule_id="dcr-00000000000000000000000000000001", stream="Custom-AuditLogs_CL")
PARENT = {"parent": "projects/1/locations/eu/instances/i/logTypes/SLACK_AUDIT"}
DESTINATIONS = {
    "http": lambda client: HttpDestination(HttpOptions(), ORIGIN, client),
    "ndjson": lambda client: HttpDestination(HttpOptions(shape="ndjson"), ORIGIN, client),
    "datadog": lambda client: DatadogDestination(DatadogOptions(), ORIGIN, client, client),
    "elasticsearch": lambda client: ElasticsearchDestination(ElasticsearchOptions(), ORIGIN, client),
    "splunk_hec": lambda client: SplunkHecDestination(SplunkHecOptions(), ORIGIN, client, None),
    "sentinel": lambda client: SentinelDestination(SENTINEL, ORIGIN, client),
    **{
        name: lambda client, name=name: HttpDestination(
            HttpOptions(preset=name, settings=PARENT if name == "google_secops" else None), ORIGIN, client
        )
        for name in PRESETS
    },
}
PASSING = [408, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529, 530, 599]


@pytest.fixture(params=DESTINATIONS)
def name(request):
    return request.param


@pytest.mark.parametrize("status", PASSING)
def test_an_answer_that_passes_is_sent_again_and_nothing_is_lost(serve, name, status):
    answers = [(status, {}, b"<html>origin</html>")] * 2
    server = serve(lambda request: answers.pop() if answers else (status, {}, {}))
    destination = DESTINATIONS[name](client_of(server))
    assert destination.send(batch_of(destination, "ab")).verdicts == (Verdict.RETRY,) * 2
    desk = Desk()
    with pytest.raises(RetryError):
        desk.ship(destination, [[event("a")]])
    assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize("status", [501, 505])
def test_an_answer_that_does_not_pass_stops_and_nothing_is_lost(serve, name, status):
    if name in ("http", "ndjson"):
        pytest.skip("of a receiver without a preset nothing is known: each 5xx may pass")
    desk = Desk()
    with pytest.raises(StopError):
        desk.ship(DESTINATIONS[name](client_of(serve(lambda request: (status, {}, {})))), [[event("a")]])
    assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (403, {"Retry-After": "7"}, 7),
        (400, {"Retry-After": "7"}, 7),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}, 9),
        (429, {"RateLimit": '"default";r=0;t=42'}, 42),
        (429, {"x-ms-retry-after-ms": "1500"}, 1.5),
        (429, {"Retry-After": "30,120"}, 120),
        (429, {"Retry-After": "eventually"}, 30),
        (503, {"Retry-After": "eventually"}, 30),
    ],
)
def test_a_limit_is_one_in_every_form_of_it(serve, name, status, headers, wait):
    destination = DESTINATIONS[name](client_of(serve(lambda request: (status, headers, {}))))
    outcome = destination.send(batch_of(destination, "ab"))
    assert (outcome.verdicts, outcome.wait) == ((Verdict.RETRY,) * 2, wait)


@pytest.mark.parametrize("status", [500, 503, 522])
@pytest.mark.parametrize("name", ["datadog", "elasticsearch", "splunk_hec", "sentinel"])
def test_a_check_of_a_service_that_is_down_finds_no_fault_with_the_sender(serve, name, status):
    destination = DESTINATIONS[name](client_of(serve(lambda request: (status, {}, {}))))
    with pytest.raises(UnavailableError, match=str(status)):
        destination.check()


@pytest.mark.parametrize(("status", "verdict"), [(500, Verdict.RETRY), (507, Verdict.RETRY), (522, Verdict.RETRY)])
def test_one_event_that_the_store_failed_at_is_sent_again(serve, status, verdict):
    items = [{"create": {"status": 201}}, {"create": {"status": status, "error": {"type": "t", "reason": "r"}}}]
    destination = DESTINATIONS["elasticsearch"](
        client_of(serve(lambda request: (200, {}, {"errors": True, "items": items})))
    )
    assert destination.send(batch_of(destination, "ab")).verdicts == (Verdict.DELIVERED, verdict)
