"""Links from tasks to their events: at the vendor, and at every destination."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from datetime import datetime, timedelta, timezone
from importlib import import_module
from unittest.mock import MagicMock
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperatorLink

from audit_provider.core.delivery import delivery_from
from audit_provider.core.model import Event, Fields, Origin, Window, text_of
from audit_provider.core.pipeline import source_from
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.get_provider_info import get_provider_info
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.operators import SHIP_OPERATORS, AuditLogsToSplunkHecOperator, PullAuditLogsOperator
from audit_provider.operators.links import LINK_KEY
from audit_provider.sandbox.events import generate
from tests.operators.conftest import PYLON_TOKEN

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
TIMES = Window(NOON, NOON + timedelta(hours=1))
ORIGIN = Origin("saas", "pylon", Fields(id="id", time="time"))
SECRET = "canary-secret-of-a-link-91"


@pytest.fixture
def connect(monkeypatch):
    def connect(conn_id, kind, **parts):
        entry = {"conn_type": kind, "password": SECRET, **parts}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(entry))

    return connect


def link(kind, **options):
    delivery = delivery_from("d", {"type": kind, "conn_id": "c", **options}, "p.d")
    url = SHIP_OPERATORS[kind].link(delivery, ORIGIN, TIMES)
    assert SECRET not in url
    return url


def query_of(url):
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize(
    ("extra", "prefix", "url"),
    [
        (
            {"region_name": "eu-central-1"},
            "audit/",
            "https://eu-central-1.console.aws.amazon.com/s3/buckets/b?region=eu-central-1&prefix=audit%2F",
        ),
        ({}, "audit/x", "https://s3.console.aws.amazon.com/s3/buckets/b?prefix=audit%2Fx%2F"),
        ({}, "", "https://s3.console.aws.amazon.com/s3/buckets/b"),
        (
            {"region_name": "us-gov-west-1"},
            "",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/s3/buckets/b?region=us-gov-west-1",
        ),
        ({"endpoint_url": "https://minio.example.com"}, "audit", ""),
    ],
)
def test_the_prefix_in_the_aws_console(connect, extra, prefix, url):
    connect("c", "aws", login="key", extra=extra)
    assert link("s3", bucket="b", prefix=prefix) == url


def test_a_splunk_search_over_index_source_and_time(connect):
    connect("c", "splunk_hec", host="https://s.example.com:8088", extra={"search_url": "https://s.example.com/search/"})
    url = link("splunk_hec", index="audit")
    assert url.startswith("https://s.example.com/search?q=search%20index")
    assert query_of(url) == {
        "q": 'search index="audit" source="saas"',
        "earliest": str(int(NOON.timestamp())),
        "latest": str(int(NOON.timestamp()) + 3601),
    }
    assert query_of(link("splunk_hec", source='a "quoted" one'))["q"] == r'search source="a \"quoted\" one"'


@pytest.mark.parametrize(
    ("host", "begins"),
    [
        ("https://http-inputs-acme.splunkcloud.com", "https://acme.splunkcloud.com/en-US/app/search/search?q="),
        ("https://http-inputs.acme.splunkcloud.com:443", "https://acme.splunkcloud.com/en-US/app/search/search?q="),
        ("https://splunk.example.com:8088", ""),
    ],
)
def test_splunk_cloud_tells_where_its_search_is(connect, host, begins):
    connect("c", "splunk_hec", host=host)
    assert link("splunk_hec").partition("?q=")[0] == begins.partition("?q=")[0]


@pytest.mark.parametrize("page", ["https://user:pw@s.example.com/x", "https://s.example.com/?token=x", "ftp://s", "x"])
def test_an_address_in_which_a_credential_may_stand_is_no_link(connect, page):
    from audit_provider.core.errors import ConfigurationError

    connect("c", "splunk_hec", host="https://splunk.example.com", extra={"search_url": page})
    with pytest.raises(ConfigurationError, match="'search_url' of the connection 'c' must be the address of a page"):
        link("splunk_hec")


@pytest.mark.parametrize(
    ("site", "host"),
    [
        (None, "app.datadoghq.com"),
        ("datadoghq.eu", "app.datadoghq.eu"),
        ("us5.datadoghq.com", "us5.datadoghq.com"),
        ("ddog-gov.com", "app.ddog-gov.com"),
    ],
)
def test_datadogs_explorer_by_service_and_site(connect, site, host):
    connect("c", "datadog_logs", extra={"site": site} if site else {})
    url = link("datadog", tags=["team:x"])
    assert urlsplit(url).netloc == host
    assert query_of(url)["query"] == 'service:"saas" source:"pylon"'
    assert query_of(url)["from_ts"] == str(int(NOON.timestamp()) * 1000)


def test_an_intake_of_ones_own_does_not_tell_the_site(connect):
    connect("c", "datadog_logs", host="https://proxy.example.com")
    assert link("datadog") == ""


@pytest.mark.parametrize("page", ["https://kibana.example.com/s/sec/app/discover", "https://d.example.com/discover"])
def test_discover_on_the_stream(connect, page):
    connect("c", "elasticsearch_logs", host="https://es.example.com", extra={"discover_url": page})
    start, _, state = unquote(link("elasticsearch", namespace="prod")).partition("#/?_g=")
    assert start == page
    assert state == (
        "(time:(from:'2026-03-01T12:00:00Z',to:'2026-03-01T13:00:00Z'))"
        "&_a=(query:(language:kuery,query:'_index : *logs-saas_audit.pylon-prod*'))"
    )
    connect("c", "elasticsearch_logs", host="https://es.example.com")
    assert link("elasticsearch") == ""


WORKSPACE = "/subscriptions/1/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"


def test_log_analytics_in_the_portal_of_the_cloud(connect):
    options = {"rule_id": "dcr-1", "stream": "Custom-Audit_CL"}
    connect("c", "azure_logs_ingestion", host="https://x.ingest.monitor.azure.com", extra={"workspace": WORKSPACE})
    url = link("sentinel", **options)
    _, _, path = url.partition("/resourceId/")
    workspace, _, path = path.partition("/source/LogsBlade.AnalyticsShareLinkToQuery/q/")
    packed, _, span = path.partition("/timespan/")
    assert url.startswith("https://portal.azure.com/#blade/")
    assert unquote(workspace) == WORKSPACE
    assert gzip.decompress(b64decode(unquote(unquote(packed)))).decode().split("\n") == [
        "Audit_CL",
        '| where Pipeline == "saas"',
        "| sort by EventTime desc",
    ]
    assert unquote(span) == "2026-03-01T12:00:00Z/2026-03-01T13:00:00Z"
    connect("c", "azure_logs_ingestion", host="https://x.ingest.monitor.azure.us", extra={"cloud": "usgov"})
    assert link("sentinel", **options).startswith("https://portal.azure.us/#browse/")


def test_a_receivers_page_where_the_connection_names_it(connect):
    host = "https://siem.example.com/in/a-secret-path"
    connect("c", "http_siem", host=host, extra={"auth": "bearer", "secret_url": True})
    assert link("http") == ""
    page = {"page_url": "https://siem.example.com/search"}
    connect("c", "http_siem", host=host, extra={"auth": "bearer", "secret_url": True, **page})
    assert link("http") == "https://siem.example.com/search"


def page_of(connect, source, settings=None, **parts):
    connect("s", "audit_logs", **parts)
    spec = source_from("p", source)
    url = AuditLogsHook("s", source=spec, settings=settings).page_url()
    assert SECRET not in url
    return url


def test_a_vendors_page_holds_settings_and_host(connect):
    page = page_of(connect, "github", {"organization": "acme/x"})
    assert page == "https://github.com/organizations/acme%2Fx/settings/audit-log"
    assert page_of(connect, "zendesk", host="https://acme.zendesk.com").startswith("https://acme.zendesk.com/admin/")
    assert page_of(connect, "pylon") == ""


def test_an_installation_of_ones_own_has_a_page_of_its_own(connect):
    host = {"host": "https://github.example.com/api/v3"}
    assert page_of(connect, "github", {"organization": "acme"}, **host) == ""
    own = {"like": "github", "page_url": "https://github.example.com/organizations/{organization}/settings/audit-log"}
    assert page_of(connect, own, {"organization": "acme"}, **host) == own["page_url"].format(organization="acme")


@pytest.mark.parametrize(
    ("like", "page", "said"),
    [
        ("github", "https://x.example.com/{organisation}", "neither 'host' nor one of the settings"),
        ("datadog", "https://x.example.com/{application_key}", "settings that may be shown"),
        ("github", "https://x.example.com/?token=1", "neither login nor query"),
        ("github", "x.example.com", "that begins with https://"),
    ],
)
def test_a_page_that_cannot_be_shown_is_refused_in_the_file(like, page, said):
    with pytest.raises(Exception, match=f"p.source.page_url: .*{said}"):
        source_from("p", {"like": like, "page_url": page})


def test_pages_of_sources_are_addresses_whose_names_are_known():
    from audit_provider.core.sources.inline import mistakes_in

    found = [name for name, spec in SOURCES.items() if spec.page_url]
    assert {"github", "tailscale", "sentry", "workos_export"} <= set(found)
    assert not any(mistakes_in(SOURCES[name]) for name in found)


def test_every_link_is_registered_and_belongs_to_an_operator():
    registered = set()
    for path in get_provider_info()["extra-links"]:
        module, _, name = path.rpartition(".")
        registered.add(getattr(import_module(module), name))
    used = {type(each) for kind in SHIP_OPERATORS.values() for each in kind.operator_extra_links}
    used |= {type(each) for each in PullAuditLogsOperator.operator_extra_links}
    assert registered == used
    assert all(issubclass(each, BaseOperatorLink) for each in registered)
    assert len({each.name for each in registered}) == len(registered)


def ran(operator, **entries):
    """Run a task and return the address that it kept, "" for none."""
    ti = MagicMock()
    try:
        operator.execute({"ti": ti, "params": {}, **entries})
    finally:
        kept = [each.kwargs["value"] for each in ti.xcom_push.call_args_list if each.kwargs["key"] == LINK_KEY]
    (url,) = kept
    return url


@pytest.mark.parametrize("kind", ["s3", "splunk", "datadog"])
def test_a_button_that_cannot_be_made_fails_no_task(world, kind):
    (far,) = generate(1, world.now - timedelta(minutes=2), world.now, seed=99)
    pull = world.pull()["events"]
    position = json.loads(world.variables.get("audit_logs.p.cursor"))
    stream = Stream(LocalStore(world.spool), "p/live", position["chain"])
    segment = SegmentWriter(world.now)
    # The last second of the calendar has none after it, at which a search could end.
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    segment.add([Event(far["id"], last, msgspec.Raw(json.dumps(far | {"action_happened_at": text_of(last)}).encode()))])
    head = stream.append(segment, msgspec.convert(position["head"], Head), world.now)
    position |= {"head": msgspec.to_builtins(head), "counts": {"read": pull + 1, "spooled": pull + 1, "duplicates": 0}}
    world.variables.set("audit_logs.p.cursor", json.dumps(position))
    assert world.ship(kind)["delivered"] == pull + 1


def test_what_keeps_no_link_leaves_the_tasks_own_failure_as_it_is(world):
    world.connect("SPLUNK_HEC_DEFAULT", extra={"search_url": "https://splunk.example.com/search"})
    world.pull()
    world.splunk.faults.add("status", status=403, count=None)
    ti = MagicMock()
    ti.xcom_push.side_effect = RuntimeError("the API server is down")
    ship = AuditLogsToSplunkHecOperator(task_id="ship", index="audit", pipeline="p", spool=f"file://{world.spool}")
    with pytest.raises(AirflowFailException, match="403"):
        ship.execute({"ti": ti, "params": {}})


def test_a_task_keeps_its_link_when_it_ends_also_where_it_fails(world):
    common = {"pipeline": "p", "spool": f"file://{world.spool}"}
    start = (world.now - timedelta(days=61)).isoformat()
    source = {"like": "pylon", "page_url": "https://pylon.example.com/{host}"}
    pull = PullAuditLogsOperator(task_id="pull", source=source, conn_id="pylon_default", start=start, **common)
    assert ran(pull) == f"https://pylon.example.com/{urlsplit(world.pylon.url).netloc}"
    world.connect("SPLUNK_HEC_DEFAULT", extra={"search_url": "https://splunk.example.com/search"})
    ship = AuditLogsToSplunkHecOperator(task_id="ship", index="audit", **common)
    query = query_of(ran(ship))
    times = sorted(float(each["time"]) for each in world.splunk.indexed)
    assert int(query["earliest"]) == int(times[0])
    assert 0 < int(query["latest"]) - times[-1] <= 3, "it ends right after the last event"
    world.connect("SPLUNK_HEC_DEFAULT", extra={"search_url": "https://splunk.example.com/search?token=x"})
    assert ran(ship) == "", "what is wrong with a link is no reason to fail"
    world.pylon.faults.add("status", status=403, count=None)
    ti = MagicMock()
    with pytest.raises(AirflowFailException):
        pull.execute({"ti": ti, "params": {}})
    assert ti.xcom_push.call_args.kwargs["key"] == LINK_KEY
    assert PYLON_TOKEN not in str(ti.xcom_push.call_args)
