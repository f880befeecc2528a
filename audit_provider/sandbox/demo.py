"""The main job from end to end: sandbox, a real Airflow, every event accounted for. ``make run`` and ``make up``."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import requests

from audit_provider.core.accounting import Account, account, table
from audit_provider.core.errors import AuditError, UnavailableError
from audit_provider.core.model import Offset, text_of, utc_now
from audit_provider.core.position import unpack_position
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.sandbox.local_airflow import LocalAirflow
from audit_provider.sandbox.s3 import ids_in, s3_client

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DESTINATIONS = ("s3", "splunk", "datadog")
_PIPELINES = """\
pylon:
  source: pylon
  conn_id: pylon_default
  schedule: {schedule}
  start: {start}
  destinations:
    s3:      {{type: s3, conn_id: aws_default, bucket: {bucket}, prefix: pylon}}
    splunk:  {{type: splunk_hec, conn_id: splunk_hec_default, index: audit}}
    datadog: {{type: datadog, conn_id: datadog_logs_default, service: pylon}}
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """What to do.

    :ivar folder: everything is kept below it; emptied at the start. :ivar events: in the sandbox at the start.
    :ivar days: that they are spread over. :ivar live_days: how far back the incremental DAG begins.
    :ivar added: events added between its two runs.
    """

    folder: Path
    events: int = 5000
    days: int = 400
    live_days: int = 30
    added: int = 250


def main() -> int:
    """Return 0 where every event is accounted for."""
    parser = argparse.ArgumentParser(prog="python -m audit_provider.sandbox.demo", description=__doc__)
    parser.add_argument("what", choices=["run", "up"])
    parser.add_argument("--folder", type=Path, default=ROOT / ".run")
    options = parser.parse_args()
    demo = Demo(options.folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        with contextlib.suppress(KeyboardInterrupt):
            return 0 if (run(demo) if options.what == "run" else up(demo)) else 1
    except (AuditError, requests.RequestException) as error:
        print(f"\nIt did not work: {error}", file=sys.stderr)
        return 1
    return 0


def run(demo: Demo) -> bool:
    """Read, read again after more events came, load the past; print the account; return whether it adds up."""
    tell = _teller()
    with _sandbox(demo, tell) as sandbox, _airflow(demo, sandbox, schedule="null").running(tell) as airflow:
        incremental, backfill = "audit_incremental_pylon", "audit_backfill_pylon"
        for dag_id in (incremental, backfill):
            airflow.unpause(dag_id)
        good = [_run_dag(airflow, incremental, tell)]
        _add_events(sandbox, demo.added)
        tell(f"{demo.added} more events happened")
        good.append(_run_dag(airflow, incremental, tell))
        good.append(_run_dag(airflow, backfill, tell, {"start": sandbox["pylon"]["since"]}))
        accounts = read_accounts(airflow)
        return all([*good, _print_account(accounts), _print_proof(sandbox)])


def up(demo: Demo) -> bool:
    """Do the set-up, leave Airflow running until the terminal says stop."""
    tell = _teller()
    with _sandbox(demo, tell) as sandbox, _airflow(demo, sandbox, schedule='"*/5 * * * *"').running(tell) as airflow:
        for dag_id in ("audit_incremental_pylon", "audit_backfill_pylon"):
            airflow.unpause(dag_id)
        print(
            f"\n  Airflow:  {airflow.url}\n  user:     admin\n  password: {airflow.password}\n\n  Ctrl-C ends it.\n",
            flush=True,
        )
        while True:
            time.sleep(60)


def read_accounts(airflow: LocalAirflow) -> list[Account]:
    """Return the account of every stream and destination of the pipeline, from Variables and the spool."""
    store = LocalStore(airflow.home / "audit_spool")
    variables = airflow.variables("audit_logs.pylon.")
    accounts = []
    for key, text in sorted(variables.items()):
        if not key.endswith(".cursor"):
            continue
        base = key.removesuffix(".cursor")
        window = base.partition(".backfill.")[2]
        position = unpack_position(text, key)
        stream = Stream(store, f"pylon/backfill-{window}" if window else "pylon/live", position.chain)
        for destination in DESTINATIONS:
            kept = variables.get(f"{base}.to.{destination}")
            offset = msgspec.json.decode(kept, type=Offset) if kept else None
            accounts.append(account(stream, destination, position, offset))
    return accounts


def _run_dag(airflow: LocalAirflow, dag_id: str, tell: Any, conf: dict[str, Any] | None = None) -> bool:
    tell(f"{dag_id} runs")
    state = airflow.wait(dag_id, airflow.trigger(dag_id, conf), tell)
    tell(f"{dag_id}: {state}")
    return state == "success"


def _print_account(accounts: list[Account]) -> bool:
    """Print the table, streams added up; return whether both halves of the identity hold and nothing is pending."""
    totals = []
    for destination in DESTINATIONS:
        numbers: Counter[str] = Counter()
        for each in accounts:
            if each.destination == destination:
                numbers.update({one.name: getattr(each, one.name) for one in fields(Account) if one.type == "int"})
        totals.append(Account(stream="pylon", destination=destination, **dict[str, Any](numbers)))
    print(f"\n{table(accounts)}\n\n{table(totals)}\n")
    for each in totals:
        if each.restamped:
            print(f"{each.destination}: {each.restamped:,} of the delivered bear their arrival time (older than 17 h)")
    return bool(accounts) and all(each.adds_up and not each.pending for each in accounts)


def _print_proof(sandbox: dict[str, Any]) -> bool:
    """Compare what the destinations hold with what the source serves, id by id."""
    source = _state(sandbox, "pylon")
    splunk, datadog = _state(sandbox, "splunk"), _state(sandbox, "datadog")
    s3 = sandbox["s3"]
    held = {
        "s3": ids_in(s3_client(s3["url"]), s3["bucket"]),
        "splunk": splunk["ids"],
        "datadog": datadog["ids"],
    }
    served = set(source["ids"])
    good = source["refused_for_rate"] == 0 and not splunk["silently_dropped"] and not datadog["dropped_for_age"]
    print(f"\nPylon serves {len(served):,} events; it refused {source['refused_for_rate']} requests for their rate.")
    for name, ids in held.items():
        missing, strange = len(served - set(ids)), len(set(ids) - served)
        twice = len(ids) - len(set(ids))
        print(f"{name:8} holds {len(ids):,}: {missing} missing, {twice} twice, {strange} unknown")
        good = good and not missing and not strange and not twice
    print("\nEvery event is accounted for." if good else "\nNOT every event is accounted for.")
    return good


def _state(sandbox: dict[str, Any], name: str) -> dict[str, Any]:
    state: dict[str, Any] = requests.get(f"{sandbox[name]['url']}/_sandbox/state", timeout=60).json()
    return state


def _add_events(sandbox: dict[str, Any], count: int) -> None:
    body = {"count": count, "span_seconds": 1200}
    requests.post(f"{sandbox['pylon']['url']}/_sandbox/events", json=body, timeout=60).raise_for_status()


@contextlib.contextmanager
def _sandbox(demo: Demo, tell: Any) -> Iterator[dict[str, Any]]:
    """Start the stand-ins in a process of their own; yield their addresses and tokens."""
    if demo.folder.exists():
        shutil.rmtree(demo.folder)
    demo.folder.mkdir(parents=True)
    described = demo.folder / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--describe", str(described)]
    command += ["--events", str(demo.events), "--days", str(demo.days)]
    with (demo.folder / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        begun = time.monotonic()
        while not described.exists():
            if process.poll() is not None or time.monotonic() - begun > 120:
                raise UnavailableError(f"the sandbox did not start: see {demo.folder / 'sandbox.log'}.")
            time.sleep(0.2)
        tell(f"the sandbox is up with {demo.events:,} events over {demo.days} days")
        yield json.loads(described.read_text())
    finally:
        process.terminate()
        process.wait(30)


def _airflow(demo: Demo, sandbox: dict[str, Any], *, schedule: str) -> LocalAirflow:
    start = text_of(utc_now() - timedelta(days=demo.live_days))
    pipelines = demo.folder / "pipelines.yaml"
    pipelines.write_text(_PIPELINES.format(schedule=schedule, start=start, bucket=sandbox["s3"]["bucket"]))
    pylon, splunk, datadog, s3 = (sandbox[name] for name in ("pylon", "splunk", "datadog", "s3"))
    connections = {
        "PYLON_DEFAULT": {
            "conn_type": "audit_logs",
            "host": pylon["url"],
            "password": pylon["token"],
            "extra": {"source": "pylon"},
        },
        "SPLUNK_HEC_DEFAULT": {"conn_type": "splunk_hec", "host": splunk["url"], "password": splunk["token"]},
        "DATADOG_LOGS_DEFAULT": {"conn_type": "datadog_logs", "host": datadog["url"], "password": datadog["token"]},
        "AWS_DEFAULT": {
            "conn_type": "aws",
            "login": s3["access_key"],
            "password": s3["secret_key"],
            "extra": {"endpoint_url": s3["url"], "region_name": "us-east-1"},
        },
    }
    environment = {f"AIRFLOW_CONN_{name}": json.dumps(each) for name, each in connections.items()}
    environment["AIRFLOW__AUDIT_LOGS__PIPELINES_FILE"] = str(pipelines)
    return LocalAirflow(demo.folder / "airflow", ROOT / "dags", environment)


def _teller() -> Any:
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
