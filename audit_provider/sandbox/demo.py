"""The main job from end to end: sandbox, a real Airflow, every event accounted for. ``make run`` and ``make up``.

``make stop SERVICE=splunk`` and ``make start SERVICE=splunk`` stop and start one stand-in of a sandbox that is up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from audit_provider.core.errors import AuditError, ConfigurationError, UnavailableError
from audit_provider.core.model import text_of, utc_now
from audit_provider.core.spool import LocalStore
from audit_provider.sandbox.demo_pipelines import DESTINATIONS, SOURCES, connections_of, pipelines_of
from audit_provider.sandbox.local_airflow import LOOPBACK, LocalAirflow
from audit_provider.sandbox.proof import print_account, print_proof, read_accounts
from audit_provider.testing.server import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
LIVE_EVERY, LIVE_EVENTS = 20.0, 3
"""While ``make up`` runs: seconds between two groups of new events, and how many of them each source has."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Settings of the demo.

    :ivar folder: everything is kept below it; what an earlier run left there is removed at the start.
    :ivar events: number of Pylon's events at the start. :ivar days: the days over which they are spread.
    :ivar source_events: events of each other source; they are spread over fewer days than ``live_days``.
    :ivar live_days: how far back the incremental DAGs begin. :ivar added: events added to each between two runs.
    """

    folder: Path
    events: int = 5000
    days: int = 400
    source_events: int = 300
    live_days: int = 30
    added: int = 250


def main() -> int:
    """Return 0 if every event is accounted for, or if the requested action is done."""
    parser = argparse.ArgumentParser(prog="python -m audit_provider.sandbox.demo", description=__doc__)
    parser.add_argument("what", choices=["run", "up", "stop", "start"])
    parser.add_argument("service", nargs="?", default="splunk", help="which to stop or start (default: splunk)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".run")
    options = parser.parse_args()
    demo = Demo(options.folder)
    os.environ |= LOOPBACK
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all started processes are ended
    try:
        if options.what in ("stop", "start"):
            switch(options.folder, options.what, options.service)
            return 0
        with contextlib.suppress(KeyboardInterrupt):
            return 0 if (run(demo) if options.what == "run" else up(demo)) else 1
    except (AuditError, requests.RequestException) as error:
        print(f"\nIt did not work: {error}", file=sys.stderr)
        return 1
    return 0


def run(demo: Demo) -> bool:
    """Read, read again after more events came, load the past; print the account; return whether it adds up."""
    tell = _teller()
    with _sandbox(demo, tell) as sandbox, _airflow(demo, sandbox, schedule=None).running(tell) as airflow:
        incremental, backfill = [f"audit_incremental_{name}" for name in SOURCES], "audit_backfill_pylon"
        for dag_id in (*incremental, backfill):
            airflow.unpause(dag_id)
        good = [_run_dags(airflow, incremental, tell)]
        _add_events(sandbox, demo.added)
        tell(f"{demo.added} more events happened at each of {', '.join(SOURCES)}")
        good.append(_run_dags(airflow, incremental, tell))
        good.append(_run_dags(airflow, [backfill], tell, {"start": sandbox["pylon"]["since"]}))
        spool = LocalStore(airflow.home / "audit_spool")
        good += [print_account(name, read_accounts(airflow, spool, name, DESTINATIONS[name])) for name in SOURCES]
        return all([*good, print_proof(sandbox, DESTINATIONS)])


def up(demo: Demo) -> bool:
    """Set everything up, and leave Airflow running until it is interrupted."""
    tell = _teller()
    with _sandbox(demo, tell) as sandbox, _airflow(demo, sandbox, schedule="* * * * *").running(tell) as airflow:
        for name in SOURCES:
            airflow.unpause(f"audit_incremental_{name}")
            airflow.unpause(f"audit_backfill_{name}")
        airflow.write_environment(demo.folder / "env.sh")
        print(_words(airflow, demo.folder / "env.sh"), flush=True)
        while True:
            time.sleep(LIVE_EVERY)
            _add_events(sandbox, LIVE_EVENTS)


def switch(folder: Path, what: str, service: str) -> None:
    """Stop or start a stand-in of the running sandbox, and say what follows.

    :param folder: that of the demo. :param what: ``stop`` or ``start``. :param service: its name.
    :raises AuditError: no sandbox is up, or it has no such service.
    """
    answer = _switchboard(folder, "POST", what, json={"service": service})
    if answer is None:
        raise UnavailableError(f"no sandbox is up in {folder}: start one with 'make up' and leave it running.")
    if answer.status_code == 404:
        known = ", ".join(answer.json()["services"])
        raise ConfigurationError(f"the sandbox has no service {service!r}: name one of {known}.")
    answer.raise_for_status()
    if what == "stop":
        print(
            f"{service} is down, and keeps what it has: the page turns red within one run, that is in about a minute."
        )
    else:
        print(f"{service} is up again: it catches up by itself with the next run.")


def _switchboard(folder: Path, method: str, what: str, **body: Any) -> requests.Response | None:
    """Send a request to the sandbox that was started in a folder; return None if none is up."""
    try:
        url = json.loads((folder / "sandbox.json").read_text())["switchboard"]["url"]
    except (OSError, ValueError, KeyError):
        return None
    with contextlib.suppress(requests.ConnectionError):
        return requests.request(method, f"{url}{CONTROL}{what}", timeout=60, **body)
    return None


def _words(airflow: LocalAirflow, environment: Path) -> str:
    with contextlib.suppress(ValueError):
        environment = environment.relative_to(Path.cwd())
    return f"""
  Airflow:  {airflow.url}
  user:     admin
  password: {airflow.password}

  The page is "Audit logs" in the navigation. The DAGs run every minute, and events go on happening.

  To see an outage, and how it is made up for, in another terminal:

    make stop SERVICE=splunk
    make start SERVICE=splunk

  For the command line, in another terminal:

    source {environment}
    audit-logs destinations
    airflow dags list-runs audit_incremental_pylon

  Ctrl-C ends it.
"""


def _run_dags(airflow: LocalAirflow, dag_ids: Sequence[str], tell: Any, conf: dict[str, Any] | None = None) -> bool:
    """Run DAGs side by side; return whether all ended well."""
    runs = {dag_id: airflow.trigger(dag_id, conf) for dag_id in dag_ids}
    tell(f"{', '.join(dag_ids)}: started")
    states = []
    for dag_id, run_id in runs.items():
        states.append(airflow.wait(dag_id, run_id, tell))
        tell(f"{dag_id}: {states[-1]}")
    return all(state == "success" for state in states)


def _add_events(sandbox: dict[str, Any], count: int) -> None:
    for name in SOURCES:
        # Pylon's events come late, and its overlap finds them. Late ones of Slack or WorkOS would wait for a sweep.
        body = {"count": count, "span_seconds": 1200 if name == "pylon" else 2}
        with contextlib.suppress(requests.ConnectionError):  # a source that was stopped has no new events
            requests.post(f"{sandbox[name]['url']}/_sandbox/events", json=body, timeout=60).raise_for_status()


@contextlib.contextmanager
def _sandbox(demo: Demo, tell: Any) -> Iterator[dict[str, Any]]:
    """Start the stand-ins in a process of their own; yield their addresses and tokens."""
    _clear(demo.folder)
    described = demo.folder / "sandbox.json"
    command = [sys.executable, "-m", "audit_provider.sandbox", "--describe", str(described)]
    command += ["--events", str(demo.events), "--days", str(demo.days), "--contracts", str(ROOT / "tests/fixtures")]
    command += ["--sources", ",".join(SOURCES[1:]), "--source-events", str(demo.source_events)]
    command += ["--source-days", str(demo.live_days - 1)]
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


def _clear(folder: Path) -> None:
    """Make the folder, or remove what an earlier run left there.

    :raises ConfigurationError: the earlier run is still up, or the folder holds other files.
    """
    if _switchboard(folder, "GET", "state") is not None:
        raise ConfigurationError(
            f"a sandbox is still up in {folder}: end it with Ctrl-C where 'make up' runs, or name another --folder."
        )
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "sandbox.log").exists():
            raise ConfigurationError(f"{folder} holds other things, which would be lost: name an empty --folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _airflow(demo: Demo, sandbox: dict[str, Any], *, schedule: str | None) -> LocalAirflow:
    pipelines = demo.folder / "pipelines.yaml"
    start = text_of(utc_now() - timedelta(days=demo.live_days))
    pipelines.write_text(pipelines_of(sandbox, start=start, schedule=schedule))
    environment = connections_of(sandbox) | {"AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(pipelines)}
    return LocalAirflow(demo.folder / "airflow", ROOT / "dags", environment)


def _teller() -> Any:
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
