"""``python -m audit_provider.sandbox``: start all stand-ins and print where they are."""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from audit_provider.core.model import utc_now
from audit_provider.sandbox.contract import read_contract
from audit_provider.sandbox.contract_service import ContractService
from audit_provider.sandbox.datadog import DatadogService
from audit_provider.sandbox.elasticsearch import ElasticsearchService
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.http_receiver import HttpReceiverService
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.sentinel import SentinelService
from audit_provider.sandbox.server import Service
from audit_provider.sandbox.splunk_hec import SplunkHecService


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m audit_provider.sandbox", description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="how many Pylon holds (default: 5000)")
    parser.add_argument("--days", type=int, default=400, help="over how many days, up to now (default: 400)")
    parser.add_argument("--describe", type=Path, help="write addresses and tokens to this file, as JSON")
    parser.add_argument("--unlimited", action="store_true", help="answer any number of requests")
    parser.add_argument("--contracts", type=Path, help="folder of contracts, to serve more sources from")
    parser.add_argument("--sources", default="", help="which of them, with commas between")
    parser.add_argument("--source-events", type=int, default=300, help="how many each of them holds (default: 300)")
    parser.add_argument("--source-days", type=int, default=20, help="over how many days, up to now (default: 20)")
    options = parser.parse_args()

    now = utc_now()
    records = generate(options.events, now - timedelta(days=options.days), now)
    pylon = PylonService(secrets.token_urlsafe(24), records, rate_limits={} if options.unlimited else None)
    splunk = SplunkHecService(secrets.token_urlsafe(24), indexes=["audit", "main"])
    datadog = DatadogService(secrets.token_hex(16))
    s3 = S3Service()
    opensearch = ElasticsearchService(logins={"shipper": secrets.token_urlsafe(24)}, product="opensearch")
    sentinel = SentinelService("11111111-0000-4000-8000-000000000002", secrets.token_urlsafe(24))
    key = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    webhook = HttpReceiverService(secrets=[key])
    services: list[Service | S3Service] = [pylon, splunk, datadog, opensearch, sentinel, webhook, s3]
    for service in services:
        service.start()
    described: dict[str, dict[str, Any]] = {
        "pylon": {"url": pylon.url, "token": pylon.token, "since": (now - timedelta(days=options.days)).isoformat()},
        "splunk": {"url": splunk.url, "token": splunk.token},
        "datadog": {"url": datadog.url, "token": datadog.api_key},
        "opensearch": {"url": opensearch.url, "login": "shipper", "token": opensearch.logins["shipper"]},
        "sentinel": {
            "url": sentinel.url,
            "login": sentinel.client_id,
            "token": sentinel.client_secret,
            "tenant_id": sentinel.tenant_id,
            "token_url": sentinel.token_url,
            "rule_id": sentinel.rule_id,
            "stream": sentinel.stream,
        },
        "webhook": {"url": webhook.url, "path": webhook.path, "token": key},
        "s3": {"url": s3.url, "bucket": s3.bucket, "access_key": s3.access_key, "secret_key": s3.secret_key},
    }
    step = timedelta(days=options.source_days) / options.source_events
    for name in filter(None, options.sources.split(",")):
        contract = read_contract(options.contracts / name)
        source = ContractService(contract, rate_limit=None if options.unlimited else contract.rate)
        source.add(now - step * number for number in reversed(range(options.source_events)))
        services.append(source)
        source.start()
        described[name] = {
            "url": source.url,
            "token": contract.connection["password"],
            "connection": contract.connection,
            "settings": contract.settings,
        }
    for name, each in described.items():
        print(f"{name:10} {each['url']}", flush=True)
    if options.describe:
        part = options.describe.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(described, indent=2))
        part.replace(options.describe)

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    parent = os.getppid()
    while not ended.wait(2):
        if os.getppid() != parent:  # whoever started the sandbox is gone, so nobody would ever stop it
            break
    for service in services:
        service.stop()


if __name__ == "__main__":
    main()
