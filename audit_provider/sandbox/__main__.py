"""``python -m audit_provider.sandbox``: start the stand-ins and print where they are."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError
from audit_provider.core.model import text_of, utc_now
from audit_provider.sandbox.events import generate
from audit_provider.sandbox.microsoft365 import Microsoft365Service
from audit_provider.sandbox.pylon import PylonService
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.siems import find_stand_ins
from audit_provider.sandbox.switchboard import Switchboard
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService
from audit_provider.testing.server import Service

if TYPE_CHECKING:
    from datetime import datetime

TOKEN_VARIABLE = "AUDIT_SANDBOX_TOKEN"  # noqa: S105 - its name
"""Environment variable with the credential of every stand-in: 32 hexadecimal digits. By default each has its own."""

_SIEMS = {each.sandbox_name: each for each in find_stand_ins().values() if hasattr(each, "sandbox_name")}
_SERVICES = ",".join(["pylon", *_SIEMS])

_MOST_DAYS = 6

Started = tuple["Service | S3Service", dict[str, Any]]
"""A stand-in, and what a client must know about it."""


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _options()
    # Before any stand-in starts: an exception at a later place would leave their threads, and so the process, running.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    Service.host = options.host
    now = utc_now()
    running: dict[str, Started] = {}
    for each in options.services.split(","):
        name, _, port = each.partition(":")
        running[name] = _stand_in(name, int(port or 0), options, now)
    step = timedelta(days=options.source_days) / options.source_events
    for name in filter(None, options.sources.split(",")):
        if name == Microsoft365Service.name:
            running[name] = _microsoft365(options, now)
            continue
        contract = read_contract(options.contracts / name)
        source = ContractService(contract, rate_limit=None if options.unlimited else contract.rate)
        source.add(now - step * number for number in reversed(range(options.source_events)))
        told = {"connection": contract.connection, "settings": contract.settings}
        if contract.token:
            told["token_path"] = contract.token["path"]
        running[name] = source, {"token": contract.connection["password"], **told}
    for service, _ in running.values():
        service.start()
    switchboard = Switchboard({name: service for name, (service, _) in running.items()})
    running["switchboard"] = switchboard.start(), {}
    described = {name: {"url": service.url, **told} for name, (service, told) in running.items()}
    for name, known in described.items():
        print(f"{name:11} {known['url']}", flush=True)
    if options.describe:
        part = options.describe.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(described, indent=2))
        part.replace(options.describe)
    _wait(ended)
    for service, _ in running.values():
        service.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m audit_provider.sandbox", description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="how many Pylon holds (default: 5000)")
    parser.add_argument("--days", type=int, default=400, help="over how many days, up to now (default: 400)")
    parser.add_argument("--describe", type=Path, help="write addresses and tokens to this file, as JSON")
    parser.add_argument("--unlimited", action="store_true", help="answer any number of requests")
    parser.add_argument(
        "--services", default=_SERVICES, help=f"which to start, each as name or name:port (default: {_SERVICES})"
    )
    parser.add_argument("--host", default=Service.host, help=f"where to listen (default: {Service.host})")
    parser.add_argument("--contracts", type=Path, help="folder of contracts, to serve more sources from")
    parser.add_argument("--sources", default="", help="which of them, with commas between")
    parser.add_argument("--source-events", type=int, default=300, help="how many each of them holds (default: 300)")
    parser.add_argument("--source-days", type=int, default=20, help="over how many days, up to now (default: 20)")
    return parser.parse_args()


def _stand_in(name: str, port: int, options: argparse.Namespace, now: datetime) -> Started:
    """Make one of the stand-ins.

    :param port: 0 takes a free one.
    """
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_hex(16)
    if name == "pylon":
        since = now - timedelta(days=options.days)
        limits: dict[str, int] | None = {} if options.unlimited else None
        pylon = PylonService(token, generate(options.events, since, now), rate_limits=limits, port=port)
        return pylon, {"token": token, "since": since.isoformat()}
    if name not in _SIEMS:
        raise SystemExit(f"there is no stand-in {name!r}: choose from {_SERVICES}.")
    started: Started = _SIEMS[name].of_sandbox(token, port)
    return started


def _microsoft365(options: argparse.Namespace, now: datetime) -> Started:
    """Make the stand-in of Microsoft 365, whose events are kept for a week only."""
    source = Microsoft365Service()
    days = min(options.source_days, _MOST_DAYS)
    step = timedelta(days=days) / options.source_events
    source.happen([now - step * number for number in reversed(range(options.source_events))])
    known = {
        "token": source.client_secret,
        "connection": {"login": source.client_id, "password": source.client_secret},
        "settings": {"tenant": source.tenant},
        "token_path": source.token_path,
        "start": text_of(now - timedelta(days=_MOST_DAYS, hours=1)),
    }
    return source, known


def _wait(ended: threading.Event) -> None:
    """Return once ``ended`` is set, or if the parent process is gone, because nobody would stop the sandbox then."""
    parent = os.getppid()
    while not ended.wait(2):
        if os.getppid() != parent:
            break


if __name__ == "__main__":
    try:
        main()
    except AuditError as error:
        sys.exit(f"The sandbox cannot start: {error}")
