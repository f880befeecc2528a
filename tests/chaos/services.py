"""``python -m tests.chaos.services``: the stand-ins in a process of their own, so that they survive the killed one."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import secrets
import signal
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import requests

from audit_provider.core.model import UTC, utc_now
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.http_receiver import HttpReceiverService
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.sentinel import SentinelService
from audit_provider.sandbox.server import Reply, Service
from audit_provider.sandbox.sftp import SftpService
from audit_provider.sandbox.splunk_hec import SplunkHecService
from audit_provider.sandbox.syslog import SyslogService
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService
from tests.chaos.variables import VariablesService

FIXTURES = Path(__file__).parents[1] / "fixtures"
DAYS = 20
SPOOL_BUCKET = "spool"


class S3Gate(Service):
    """Passes requests on to S3, where no fault says otherwise."""

    name = "s3_gate"

    def __init__(self, behind: str, *, port: int = 0):
        super().__init__(port=port)
        self._behind = behind
        self._own = threading.local()

    def answer(self, request):
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False
        headers = {key: value for key, value in request.headers.items() if key.lower() != "connection"}
        answer = self._own.session.request(
            request.method, self._behind + request.path, params=list(request.params), headers=headers, data=request.body
        )
        kept = {key: value for key, value in answer.headers.items() if key.lower() not in _OWN_HEADERS}
        return Reply(answer.status_code, answer.content, kept, answer.headers.get("Content-Type", ""))


class Splunk(SplunkHecService):
    """Also says what it holds, event by event."""

    def state(self):
        contents = [(name, digest_of(each["event"])) for name, each in zip(self.ids(), self.indexed, strict=True)]
        return {**super().state(), "contents": contents}


def digest_of(record):
    """Return a digest of a record, however it is written."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


_OWN_HEADERS = frozenset({"content-length", "content-type", "connection", "date", "server", "transfer-encoding"})


class Sources(Service):
    """Makes a source for every case, so that no two cases share an event."""

    name = "sources"

    def __init__(self):
        super().__init__()
        self._made: list[Service] = []
        self._seed = 1000
        self._latest = {}
        self._exchanged = {}

    def control(self, request):
        asked = json.loads(request.body) if request.body else {}
        if request.path.endswith("/new"):
            return Reply.json(201, self._new(asked["kind"], asked["events"], timedelta(seconds=asked["ago"])))
        if request.path.endswith("/more"):
            self._more(self._made[asked["number"]], asked["events"], timedelta(seconds=asked["seconds"]))
            return Reply.json(201, {})
        if request.path.endswith("/drop"):
            self._made[asked["number"]].drop_before(datetime.fromisoformat(asked["before"]))
            return Reply.json(200, {})
        if request.path.endswith("/exchange"):
            return Reply.json(200, {"password": self._exchange(self._made[asked["number"]], asked["back"])})
        if request.path.endswith("/held"):
            return Reply.json(200, self._held(self._made[asked["number"]]))
        return super().control(request)

    def stop(self):
        for each in self._made:
            each.stop()
        super().stop()

    def _new(self, kind, events, ago):
        if kind in ("pylon", "pylon_list"):
            source = PylonService(secrets.token_urlsafe(24), (), rate_limits={})
            connection = {"password": source.token}
            settings = {}
        else:
            contract = read_contract(FIXTURES / kind)
            if ago:
                contract = replace(contract, lookback=None)  # it is held to the clock, and the case to one behind it
            source = ContractService(contract, page_size=20)
            connection, settings = dict(contract.connection), dict(contract.settings)
        self._more(source, events, timedelta(days=DAYS), ago)
        self._made.append(source.start())
        extra = {**connection.get("extra", {}), **settings}
        if kind not in ("pylon", "pylon_list") and contract.token:
            extra["token_url"] = f"{source.url}{contract.token['path']}"
        connection = {"conn_type": "audit_logs", **connection, "host": source.url, "extra": extra}
        return {"number": len(self._made) - 1, "url": source.url, "connection": connection, "settings": settings}

    def _exchange(self, source, back):
        """Return a token of another organisation, which has events of its own; or the first one, which counts again."""
        if back:
            source.token, source.organization, held = self._exchanged.pop(source)
        else:
            events = [json.loads(raw) for raw in source.records()]
            self._exchanged[source] = source.token, source.organization, events
            source.token = secrets.token_urlsafe(24)
            source.organization, self._seed = f"org-{self._seed}", self._seed + 1
            held = generate(50, utc_now() - timedelta(days=DAYS), utc_now(), seed=self._seed)
        source.drop_before(datetime.max.replace(tzinfo=UTC))
        source.add(held)
        return source.token

    def _held(self, source):
        """Return of every event that a source holds the id, a digest and the time."""
        if isinstance(source, PylonService):
            return [
                (record["id"], digest_of(record), record["action_happened_at"])
                for record in map(json.loads, source.records())
            ]
        name_of = source.contract.id_of
        return [(name_of(row.record), digest_of(row.record), row.moment.isoformat()) for row in source.rows]

    def _more(self, source, events, span, ago=timedelta(0)):
        """Let events happen, all after those before: late ones are found by a sweep, which no case waits for."""
        now = utc_now() - ago
        start = max(now - span, self._latest.get(source, now - span))
        self._latest[source] = now
        if isinstance(source, PylonService):
            self._seed += 1
            source.add(generate(events, start, now, seed=self._seed))
        else:
            source.add(start + (now - start) * (number / events) for number in range(1, events + 1))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.services")
    parser.add_argument("--describe", type=Path, required=True)
    options = parser.parse_args()
    s3 = S3Service().start()
    s3.client().create_bucket(Bucket=SPOOL_BUCKET)
    key = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    services = {
        "variables": VariablesService(),
        "sources": Sources(),
        "s3": S3Gate(s3.url),
        "splunk_hec": Splunk(secrets.token_urlsafe(24), indexes=["audit"]),
        "datadog": DatadogService(secrets.token_hex(16)),
        "elasticsearch": ElasticsearchService(logins={"shipper": secrets.token_urlsafe(24)}),
        "sentinel": SentinelService("11111111-0000-4000-8000-000000000002", secrets.token_urlsafe(24)),
        "http": HttpReceiverService(secrets=[key]),
        "syslog": SyslogService(),
        "sftp": SftpService(secrets.token_urlsafe(24)),
    }
    for each in services.values():
        each.start()
    splunk, datadog, elastic, sentinel, http, syslog, sftp = list(services.values())[3:]
    connections = {
        "aws_default": {
            "conn_type": "aws",
            "login": s3.access_key,
            "password": s3.secret_key,
            "extra": {
                "endpoint_url": services["s3"].url,
                "region_name": "us-east-1",
                "config_kwargs": {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 1}},
            },
        },
        "splunk_hec_default": {"conn_type": "splunk_hec", "host": splunk.url, "password": splunk.token},
        "datadog_logs_default": {"conn_type": "datadog_logs", "host": datadog.url, "password": datadog.api_key},
        "elasticsearch_logs_default": {
            "conn_type": "elasticsearch_logs",
            "host": elastic.url,
            "login": "shipper",
            "password": elastic.logins["shipper"],
            "extra": {"auth": "basic"},
        },
        "azure_logs_ingestion_default": {
            "conn_type": "azure_logs_ingestion",
            "host": sentinel.url,
            "login": sentinel.client_id,
            "password": sentinel.client_secret,
            "extra": {
                "tenant_id": sentinel.tenant_id,
                "token_url": sentinel.token_url,
                "rule_id": sentinel.rule_id,
                "stream": sentinel.stream,
            },
        },
        "http_siem_default": {
            "conn_type": "http_siem",
            "host": http.url + http.path,
            "password": key,
            "extra": {"auth": "signature"},
        },
        "syslog_tls_default": {
            "conn_type": "syslog_tls",
            "host": "127.0.0.1",
            "port": syslog.port,
            "extra": {"ca": str(syslog.authority.ca)},
        },
        "sftp_default": {
            "conn_type": "sftp",
            "host": "127.0.0.1",
            "port": sftp.port,
            "login": sftp.user,
            "password": sftp.password,
            "extra": {"host_key": sftp.host_key},
        },
    }
    described = {
        "urls": {name: each.url for name, each in services.items()},
        "connections": connections,
        "bucket": s3.bucket,
        "sentinel": {"rule_id": sentinel.rule_id, "stream": sentinel.stream},
    }
    part = options.describe.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(described))
    part.replace(options.describe)

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    parent = os.getppid()
    while not ended.wait(2) and os.getppid() == parent:
        pass
    for each in services.values():
        each.stop()
    s3.stop()


if __name__ == "__main__":
    main()
