"""Canaries in every field that holds a credential: whatever goes wrong, they show nowhere."""

from __future__ import annotations

import gzip
import json
import logging
import ssl
from datetime import timedelta
from pkgutil import resolve_name

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from audit_provider.__main__ import main
from audit_provider.core.delivery import delivery_from
from audit_provider.core.destinations.http import HttpOptions
from audit_provider.core.destinations.registry import DESTINATIONS as SPECS
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields, Origin, utc_now
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.wire.assertion import Assertion
from audit_provider.core.wire.auth import Basic, Bearer, Header, Token
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.signatures import SignedRequest
from audit_provider.get_provider_info import get_provider_info
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.hooks.azure_logs_ingestion import AzureLogsIngestionHook
from audit_provider.hooks.datadog_logs import DatadogLogsHook
from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook
from audit_provider.hooks.http_siem import HttpSiemHook
from audit_provider.hooks.service import PROMPTLY
from audit_provider.hooks.splunk_hec import SplunkHecHook
from audit_provider.hooks.syslog_tls import SyslogTlsHook
from audit_provider.operators import SHIP_OPERATORS, PullAuditLogsOperator
from audit_provider.sandbox.certificates import Authority
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.pylon import PylonService
from audit_provider.testing.signing_keys import private_key
from tests.hostile import Hostile, chain_of, cut, echo, found_in, garbled, silent
from tests.operators.conftest import context, no_pause, variables  # noqa: F401 - fixtures

CANARY = 'canary/Tok+en=7f3a"91&c2'
SETTING = "canary-setting 88+e1/x"
PROXY = "canary-proxy-0d2b"
WHSEC = "whsec_Y2FuYXJ5LXNpZ25pbmctc2VjcmV0LTEyMzQ1Njc4"
URL_SECRET = "canary-url-part-33f1"
SECRETS = (CANARY, SETTING, PROXY, WHSEC.removeprefix("whsec_"), "canary-signing-secret", URL_SECRET)

ANSWERS = {
    "400": echo(400),
    "401": echo(401),
    "403": echo(403),
    "404": echo(404),
    "302": echo(302),
    "307": echo(307),
    "413": echo(413),
    "418": echo(418),
    "429": echo(429),
    "500": echo(500),
    "503": echo(503),
    "200 with something else": echo(200),
    "a web page": echo(200, web_page=True),
    "a web page of refusal": echo(403, web_page=True),
    "cut": cut,
    "silence": silent,
    "garbled": garbled,
}
HTTP_HOOKS = {
    "splunk_hec": (SplunkHecHook, {"password": CANARY}),
    "datadog_logs": (DatadogLogsHook, {"password": CANARY}),
    "elasticsearch_logs api_key": (ElasticsearchLogsHook, {"password": CANARY, "extra": {"auth": "api_key"}}),
    "elasticsearch_logs id:key": (ElasticsearchLogsHook, {"password": f"id:{CANARY}"}),
    "elasticsearch_logs basic": (ElasticsearchLogsHook, {"login": "elastic", "password": CANARY}),
    "http_siem header": (HttpSiemHook, {"password": f"X-Key: {CANARY}", "extra": {"auth": "header"}}),
    "http_siem auth_header": (HttpSiemHook, {"extra": {"auth_header": f"Authorization: Splunk {CANARY}"}}),
    "http_siem bearer": (HttpSiemHook, {"password": CANARY, "extra": {"auth": "bearer"}}),
    "http_siem basic": (HttpSiemHook, {"login": "who", "password": CANARY, "extra": {"auth": "basic"}}),
    "http_siem signature": (HttpSiemHook, {"password": WHSEC, "extra": {"auth": "signature"}}),
    "http_siem secret_url": (
        HttpSiemHook,
        {"extra": {"secret_url": True}, "path": f"/in/{URL_SECRET}?key={URL_SECRET}"},
    ),
    "azure_logs_ingestion": (
        AzureLogsIngestionHook,
        {"login": "client", "password": CANARY, "extra": {"tenant_id": "t", "rule_id": "dcr-1", "stream": "Custom-A"}},
    ),
}
DESTINATIONS = {
    "splunk_hec": ("splunk_hec", {}),
    "datadog_logs": ("datadog", {}),
    "elasticsearch_logs basic": ("elasticsearch", {}),
    "http_siem bearer": ("http", {}),
    "http_siem signature": ("http", {}),
    "http_siem secret_url": ("http", {}),
    "azure_logs_ingestion": ("sentinel", {"rule_id": "dcr-1", "stream": "Custom-A"}),
}

for _spec in SPECS.values():
    if not _spec.hook and "password" in _spec.connection.fields:
        HTTP_HOOKS[_spec.connection.name] = (resolve_name(_spec.hook_path), {"password": CANARY})
        DESTINATIONS[_spec.connection.name] = (_spec.name, dict(_spec.about.example))


def untrusted(folder):
    """Return what a server speaks TLS with whose authority nobody knows."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(Authority(folder).issue("far", ["127.0.0.1"]))
    return tls


class Watch:
    """Runs things, and keeps all that they say, return and raise."""

    def __init__(self, caplog, capsys):
        self.told = []
        self._caplog, self._capsys = caplog, capsys

    def run(self, work):
        try:
            self.told.append(repr(work()))
        except (Exception, TaskDeferred, SystemExit) as error:
            self.told.append(chain_of(error))

    def leaks(self, *folders):
        shown = self._capsys.readouterr()
        records = [f"{each.getMessage()} {each.__dict__!r}" for each in self._caplog.records]
        texts = [*self.told, shown.out, shown.err, self._caplog.text, *records]
        for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            texts.append(str(path) + (gzip.decompress(content) if path.suffix == ".gz" else content).decode())
        return found_in("\n".join(texts), SECRETS)


@pytest.fixture
def watch(request, caplog, capsys, monkeypatch, no_pause):  # noqa: F811
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    silence = 0.02 if parameters.get("answer") == "silence" else 5.0
    caplog.set_level(logging.DEBUG)
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "timeout", (5.0, silence))
    return Watch(caplog, capsys)


@pytest.fixture
def connect(monkeypatch):
    def connect(conn_type, url, *, path="", **fields):
        own = {} if conn_type == "syslog_tls" else {"trust_env": False}
        extra = {**own, **fields.pop("extra", {})}
        monkeypatch.setenv(
            "AIRFLOW_CONN_HOSTILE", json.dumps({"conn_type": conn_type, "host": url + path, "extra": extra, **fields})
        )
        return "hostile"

    return connect


def of_source(spec, url):
    """Return the fields of a connection to a source at ``url``, with a canary in each that is secret."""
    settings = {name: SETTING if each.secret else "x" for name, each in spec.settings.items()}
    token = {"token_url": f"{url}/oauth/token"} if isinstance(spec.auth, Assertion | Token) else {}
    password = CANARY
    if isinstance(spec.auth, Assertion):
        names = ("client_email", "private_key_id")
        key = {"private_key": private_key(spec.auth.algorithm), **dict.fromkeys(names, "who"), "note": CANARY}
        password = json.dumps(key)
    return {"login": "who", "password": password, "extra": {"source": spec.name, **settings, **token}}


def paths_of(spec):
    errors = spec.errors
    token = ("error", "error_description") if isinstance(spec.auth, Assertion | Token) else ()
    return tuple(filter(None, (errors.message_at, errors.code_at, errors.ok_at, errors.partial_at, *token)))


def test_the_table_has_every_connection_type_and_every_style():
    types = {each["connection-type"] for each in get_provider_info()["connection-types"]}
    assert {name.split()[0] for name in HTTP_HOOKS} | {"audit_logs", "syslog_tls", "audit_checkpoint_key"} == types
    assert {type(spec.auth) for spec in SOURCES.values()} == {Bearer, Header, Basic, Token, Assertion, SignedRequest}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_source_shows_its_credential_whatever_it_answers(name, watch, connect):
    spec = SOURCES[name]
    for status in (400, 401, 403, 302, 429, 500, 200):
        with Hostile(echo(status, paths=paths_of(spec))) as far:
            conn_id = connect("audit_logs", far.url, **of_source(spec, far.url))
            watch.run(lambda: AuditLogsHook(conn_id, spec.name).test_connection())  # noqa: B023
        assert far.heads
    assert len(watch.told) == 7
    assert watch.leaks() == []


@pytest.mark.parametrize("name", ["pylon", "zendesk", "zoom", "datadog", "tailscale", "dropbox"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_pull_shows_its_credential(name, answer, watch, connect, variables, tmp_path):  # noqa: F811
    spec = SOURCES[name]
    with Hostile(ANSWERS[answer]) as far:
        operator = PullAuditLogsOperator(
            task_id="pull",
            pipeline="p",
            source=spec.name,
            conn_id=connect("audit_logs", far.url, **of_source(spec, far.url)),
            spool=f"file://{tmp_path}/spool",
        )
        watch.run(lambda: operator.execute(context()))
        watch.run(lambda: {field: getattr(operator, field) for field in operator.template_fields})
    assert far.heads, "the credential was sent"
    assert watch.leaks(tmp_path) == []


@pytest.mark.parametrize("hook", HTTP_HOOKS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_test_button_shows_its_credential(hook, answer, watch, connect):
    kind, fields = HTTP_HOOKS[hook]
    with Hostile(ANSWERS[answer]) as far:
        if kind is AzureLogsIngestionHook:
            fields = {**fields, "extra": {**fields["extra"], "token_url": f"{far.url}/token"}}
        conn_id = connect(kind.conn_type, far.url, **fields)
        watch.run(lambda: kind(conn_id).test_connection())
        watch.run(lambda: kind(conn_id).shown_address())
        if kind is HttpSiemHook:
            origin = Origin("p", "pylon", Fields("id", "time"))
            watch.run(lambda: kind(conn_id).destination(HttpOptions(), origin, **PROMPTLY).send_test_event())
    assert far.heads
    assert watch.leaks() == []


@pytest.mark.parametrize("hook", DESTINATIONS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_ship_shows_its_credential(hook, answer, watch, connect, variables, spooled, tmp_path):  # noqa: F811
    kind, fields = HTTP_HOOKS[hook]
    name, options = DESTINATIONS[hook]
    with Hostile(ANSWERS[answer]) as far:
        if kind is AzureLogsIngestionHook:
            fields = {**fields, "extra": {**fields["extra"], "token_url": f"{far.url}/token"}}
        conn_id = connect(kind.conn_type, far.url, **fields)
        delivery = delivery_from("d", {"type": name, "conn_id": conn_id, **options}, "p.destinations.d")
        operator = SHIP_OPERATORS[name].of_delivery(delivery, task_id="ship", pipeline="p", spool=spooled)
        watch.run(lambda: operator.execute(context()))
        watch.run(lambda: {field: getattr(operator, field) for field in operator.template_fields})
        pipelines = tmp_path / "p.yaml"
        entry = {"type": name, "conn_id": conn_id, **options}
        pipelines.write_text(json.dumps({"p": {"source": "pylon", "destinations": {"d": entry}}}))
        watch.run(lambda: main(["test-event", "p", "d", "--pipelines", str(pipelines)]))
        watch.run(lambda: main(["destinations", "--pipelines", str(pipelines)]))
    assert far.heads
    assert variables.all(), "the offset and its last error are kept"
    assert watch.leaks(tmp_path) == []


@pytest.mark.parametrize("failure", ["an unknown authority", "no TLS", "nobody there", "a proxy that refuses"])
@pytest.mark.parametrize("hook", HTTP_HOOKS)
def test_no_failure_of_the_way_there_shows_a_credential(failure, hook, watch, connect, tmp_path):
    kind, fields = HTTP_HOOKS[hook]
    by_proxy = failure == "a proxy that refuses"
    with Hostile(echo(403), tls=untrusted(tmp_path) if failure == "an unknown authority" else None) as far:
        place = far.url.partition("://")[2]
        url = "https://siem.example.com" if by_proxy else f"https://{'127.0.0.1:1' if 'nobody' in failure else place}"
        extra = dict(fields.get("extra", {}))
        if by_proxy:
            extra["proxies"] = dict.fromkeys(("http", "https"), f"http://user:{PROXY}@{place}")
        if kind is AzureLogsIngestionHook:
            extra["token_url"] = f"{url}/token"
        conn_id = connect(kind.conn_type, url, **{**fields, "extra": extra})
        watch.run(lambda: kind(conn_id).test_connection())
        assert bool(far.heads) == by_proxy, "only a proxy that can be reached is told anything"
    assert "(False, " in watch.told[0]
    assert watch.leaks() == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("hook", HTTP_HOOKS)
def test_no_redirect_is_followed(status, hook, watch, connect):
    kind, fields = HTTP_HOOKS[hook]
    with Hostile(echo(200)) as other:

        def lead_away(connection, head, body):
            connection.sendall(
                f"HTTP/1.1 {status} Away\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
            )

        with Hostile(lead_away) as far:
            extra = dict(fields.get("extra", {}))
            if kind is AzureLogsIngestionHook:
                extra["token_url"] = f"{far.url}/token"
            conn_id = connect(kind.conn_type, far.url, **{**fields, "extra": extra})
            watch.run(lambda: kind(conn_id).test_connection())
            assert far.heads
        assert other.heads == []
    assert "(False, " in watch.told[0]


@pytest.mark.parametrize("conn_type", ["audit_logs", "syslog_tls"])
def test_the_others_too_refuse_an_authority_that_nobody_knows(conn_type, watch, connect, tmp_path):
    with Hostile(echo(200), tls=untrusted(tmp_path)) as far:
        host, port = far.url.partition("://")[2].split(":")
        if conn_type == "audit_logs":
            conn_id = connect(conn_type, far.url, password=CANARY, extra={"source": "pylon"})
            watch.run(lambda: AuditLogsHook(conn_id).test_connection())
        else:
            conn_id = connect(conn_type, host, port=int(port))
            watch.run(lambda: SyslogTlsHook(conn_id).test_connection())
        assert far.heads == []
    assert "(False, " in watch.told[0]
    assert "certificate" in watch.told[0].lower()


@pytest.mark.parametrize("spoil", ["\n", "é", "\u20ac", "\x00"])
@pytest.mark.parametrize("hook", ["splunk_hec", "datadog_logs", "http_siem bearer", "elasticsearch_logs api_key"])
def test_a_credential_that_no_header_can_carry_is_refused_without_showing_it(hook, spoil, watch, connect):
    kind, fields = HTTP_HOOKS[hook]
    with Hostile(echo(401)) as far:
        conn_id = connect(kind.conn_type, far.url, **{**fields, "password": f"x{spoil}{CANARY}"})
        watch.run(lambda: kind(conn_id).test_connection())
    assert "(False, " in watch.told[0]
    assert watch.leaks() == []


def test_a_passphrase_that_is_wrong_is_not_shown(watch, connect, tmp_path):
    certificate = Authority(tmp_path).issue("client", passphrase="another one")
    conn_id = connect("syslog_tls", "127.0.0.1", port=1, password=CANARY, extra={"cert": str(certificate)})
    watch.run(lambda: SyslogTlsHook(conn_id).test_connection())
    assert "False" in watch.told[0]
    assert watch.leaks() == []


def test_a_token_that_was_fetched_shows_no_more_than_what_it_was_fetched_with(watch, connect):
    fetched = "canary-fetched/token+1"

    def act(connection, head, body):
        if head.startswith(b"POST /oauth/token"):
            content = json.dumps({"access_token": fetched, "expires_in": 3600}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
        else:
            echo(403, paths=("message", "errorCode"))(connection, head, body)

    spec = SOURCES["zoom"]
    with Hostile(act) as far:
        conn_id = connect("audit_logs", far.url, **of_source(spec, far.url))
        watch.run(lambda: AuditLogsHook(conn_id, spec.name).test_connection())
        assert any(fetched.encode() in head for head in far.heads)
    assert watch.leaks() == []
    assert found_in("\n".join(watch.told), [fetched]) == []


def test_the_command_line_shows_no_secret_unless_it_is_asked(watch, tmp_path):
    path = tmp_path / "siem.json"
    for provider in ("datadog", "splunk", "elastic", "custom", "nonsense"):
        config = {"name": "Main", "provider_type": provider, "endpoint_url": "https://siem.example.com"}
        for more in (
            {"api_key": CANARY},
            {"auth_header": f"X-Key: {CANARY}"},
            {"api_key": CANARY, "auth_header": ["x"]},
        ):
            path.write_text(json.dumps({**config, **more}))
            watch.run(lambda: main(["convert-siem-config", str(path)]))
    assert watch.leaks() == []


@pytest.fixture
def spooled(tmp_path, variables, monkeypatch):  # noqa: F811
    """A spool with a few events in it, and Airflow's settings that name it."""
    now = utc_now()
    uri = f"file://{tmp_path}/spool"
    with PylonService("t", generate(5, now - timedelta(hours=5), now), rate_limits={}) as pylon:
        monkeypatch.setenv(
            "AIRFLOW_CONN_PYLON_DEFAULT", json.dumps({"conn_type": "audit_logs", "host": pylon.url, "password": "t"})
        )
        with monkeypatch.context() as patient:
            # What is to be silent is the destination.
            patient.setitem(HttpClient.__init__.__kwdefaults__, "timeout", (60.0, 60.0))
            PullAuditLogsOperator(task_id="pull", pipeline="p", source="pylon", spool=uri).execute(context())
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__SPOOL", uri)
    return uri


def test_the_watch_would_see_a_leak(watch):
    """The tests above prove nothing unless this does."""

    def leak():
        logging.getLogger("anything").debug("sent %s", CANARY)
        try:
            raise KeyError(SETTING)
        except KeyError:
            raise ConfigurationError("fine") from None

    watch.run(leak)
    assert watch.leaks() == [CANARY, SETTING]
