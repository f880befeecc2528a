"""``python -m benchmarks.page``: the cost of the page with 50 and with 500 pipelines of 4 destinations."""

from __future__ import annotations

import argparse
import base64
import gc
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring import run

BOUND = 300.0
"""Milliseconds allowed: for the usual time until an answer, and for the CPU time of the first and of the worst request.

On a busy machine, the time of a single request depends more on the machine than on the page. Python's full garbage
collections go through all that Airflow has loaded, about once in 150 requests; they are measured separately.
"""

DESTINATIONS, ACTIONS, RUNS = ("s3", "splunk", "datadog", "webhook"), 150, 5
REQUESTS = 50


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of data. :ivar windows: backfilled windows of each pipeline. :ivar findings: of each pipeline."""

    pipelines: int
    windows: int
    findings: int


USUAL, LARGE = Size(50, 4, 40), Size(500, 0, 1)
KILOBYTES, UNCHANGED, POLL, TYPING = 150.0, 100.0, 20.0, 50.0
"""Bounds for the large size: kilobytes of an overview, and milliseconds of CPU for a request without changes, for its
answer in the browser, and for a letter typed into the search."""

PATHS = ("/audit-logs/api/overview", "/audit-logs/api/overview?opened=p7")


@dataclass(frozen=True, slots=True)
class PageTimes:
    """How long one path takes, in milliseconds.

    :ivar first: of the first request after the start. :ivar usual: median of the others, :ivar worst: of them.
    :ivar first_cpu: CPU time of the first, and :ivar worst_cpu: the most of any other, both without :ivar collection:
        the longest full garbage collection.
    :ivar kilobytes: of the answer.
    """

    path: str
    first: float
    first_cpu: float
    usual: float
    worst: float
    worst_cpu: float
    collection: float
    kilobytes: float

    @property
    def held(self) -> float:
        """The value that is compared with the bound."""
        return max(self.usual, self.first_cpu, self.worst_cpu)

    @property
    def holds(self) -> bool:
        """Whether the value is within the bound."""
        return self.held <= BOUND

    def __str__(self) -> str:
        return (
            f"{self.path}: median {self.usual:.0f} ms, first {self.first:.0f} ms ({self.first_cpu:.0f} ms CPU), "
            f"worst of {REQUESTS} {self.worst:.0f} ms ({self.worst_cpu:.0f} ms CPU beside {self.collection:.0f} ms of "
            f"collection), {self.kilobytes:.0f} KB; at most {BOUND:.0f} ms  {'ok' if self.holds else 'BROKEN'}"
        )


@dataclass(frozen=True, slots=True)
class LargeTimes:
    """The cost of the large size.

    :ivar kilobytes: of an overview.
    :ivar first: CPU time of the first request, in milliseconds, after the work that the server does when it starts.
    :ivar unchanged: CPU time of a request without changes, in milliseconds, median.
    :ivar poll: CPU time of the browser's main thread for such a request, and :ivar typing: for a letter typed into the
        search; None if there is no browser.
    """

    kilobytes: float
    first: float
    unchanged: float
    poll: float | None
    typing: float | None

    def rows(self) -> list[tuple[str, float, float, str]]:
        """Return the measured values: title, value, bound and unit."""
        found = [
            ("overview of 500 pipelines", self.kilobytes, KILOBYTES, "KB"),
            ("first request for it", self.first, BOUND, "ms CPU"),
            ("request where nothing has changed", self.unchanged, UNCHANGED, "ms CPU"),
        ]
        if self.poll is not None and self.typing is not None:
            found.append(("look that finds nothing new, in the browser", self.poll, POLL, "ms CPU"))
            found.append(("letter typed into the search, in the browser", self.typing, TYPING, "ms CPU"))
        return found


def large_times() -> LargeTimes:
    """Measure the large size in a process of its own."""
    return LargeTimes(**json.loads(run("benchmarks.page", "--json", "--large")))


def page_times() -> list[PageTimes]:
    """Measure in a process of its own, because Airflow keeps its first configuration; return the times of each path."""
    return [PageTimes(**each) for each in json.loads(run("benchmarks.page", "--json"))]


def main() -> int:
    """Print the values; return 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, and end 0")
    parser.add_argument("--large", action="store_true", help="measure 500 pipelines alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({"admin": "secret"}))
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__AUDIT_LOGS__PIPELINES_FILE": str(home / "pipelines.yaml"),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
            "_AIRFLOW_PROCESS_CONTEXT": "server",
        }
        _fill(home, LARGE if options.large else USUAL)
        large = _measure_large(home) if options.large else None
        measured = [] if options.large else _measure()
    if options.json:
        print(json.dumps(asdict(large) if large else [asdict(each) for each in measured]))
        return 0
    for each in measured:
        print(each)
    broken = False
    for title, value, bound, unit in (large or large_times()).rows():
        broken = broken or value > bound
        print(f"{title}: {value:.0f} {unit}, at most {bound:.0f}  {'ok' if value <= bound else 'BROKEN'}")
    return 1 if broken or not all(each.holds for each in measured) else 0


def _fill(home: Path, size: Size) -> None:
    """Create a database with the records, DAGs and runs of all pipelines, and their pipelines file."""
    import msgspec
    from airflow.models import Variable
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    from audit_provider.core.ledger.position import POSITIONS, Position
    from audit_provider.core.model import Offset, PullCounts, ShipCounts, utc_now
    from audit_provider.core.monitoring.summary import SUMMARIES, ActionCounts, Finding, Summary
    from audit_provider.core.spool import Head

    initdb()
    now = utc_now()
    types = {"s3": {"type": "s3", "bucket": "b"}, "splunk": {"type": "splunk_hec"}, "datadog": {"type": "datadog"}}
    types["webhook"] = {"type": "http"}
    entry = {"source": "pylon", "destinations": {each: types[each] for each in DESTINATIONS}}
    (home / "pipelines.yaml").write_text(json.dumps({f"p{number}": entry for number in range(size.pipelines)}))
    position = Position(
        source="pylon",
        chain="c",
        head=Head(90, "d" * 64, 10**6),
        counts=PullCounts(10**6, 10**6),
        updated_at=now,
        complete=True,
    )
    offset = msgspec.json.encode(
        Offset(91, 0, "c", counts=ShipCounts(10**6), last_success=now, passed="d" * 64)
    ).decode()
    finding = Finding(
        "f", "surge", "warning", "More than usual of LoginFailed: 940, usual are 3 to 40.", now, "x", 940, 3, 40
    )
    summary = Summary(
        pipeline="p",
        source="pylon",
        made_at=now,
        first_hour=now - timedelta(hours=72),
        hours=tuple(range(72)),
        first_day=now - timedelta(days=35),
        days={f"category {number}": tuple(range(35)) for number in range(10)},
        low=(1.0,) * 35,
        high=(9.0,) * 35,
        actions=tuple(
            ActionCounts(f"organization.member.action_{number}", "other", tuple(range(35))) for number in range(ACTIONS)
        ),
        findings=(finding,) * size.findings,
    )
    with create_session() as session:
        for number in range(size.pipelines):
            stem = f"audit_logs.p{number}"
            session.add(Variable(f"{stem}.summary", SUMMARIES.pack(replace(summary, pipeline=f"p{number}"))))
            streams = [
                "",
                ".reconcile",
                *(
                    f".backfill.2025{month:02}01T000000Z_2025{month:02}28T000000Z"
                    for month in range(1, size.windows + 1)
                ),
            ]
            for stream in streams:
                session.add(Variable(f"{stem}{stream}.cursor", POSITIONS.pack(position)))
                session.add_all(Variable(f"{stem}{stream}.to.{each}", offset) for each in DESTINATIONS)

    _fill_dags(size)


def _fill_dags(size: Size) -> None:
    """Register the DAGs of all pipelines in Airflow, each with some successful runs."""
    from airflow.models import DagModel, DagRun
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    from audit_provider.core.model import utc_now

    now = utc_now()
    with create_session() as session:
        session.merge(DagBundleModel(name="b"))
        session.flush()
        for number in range(size.pipelines):
            for kind in ("incremental", "backfill", "reconcile"):
                dag_id = f"audit_{kind}_p{number}"
                session.add(DagModel(dag_id=dag_id, bundle_name="b", is_stale=False, is_paused=False))
        session.flush()
        for dag in session.query(DagModel).filter(DagModel.dag_id.startswith("audit_incremental_")):
            dag.next_dagrun_create_after = now + timedelta(days=1)
            for number in range(RUNS):
                at = now - timedelta(minutes=5 * (RUNS - number))
                entries = {"state": "success", "run_after": at, "start_date": at, "run_type": "manual"}
                run = DagRun(dag_id=dag.dag_id, run_id=f"r{number}", logical_date=None, **entries)
                run.end_date = at
                session.add(run)


def _client() -> Any:
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    client = TestClient(create_app(apps="core"))
    token = client.post("/auth/token", json={"username": "admin", "password": "secret"}).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def _measure_large(home: Path) -> LargeTimes:
    from airflow.utils.session import create_session

    from audit_provider.plugin.app import warm

    client = _client()
    with create_session() as session:
        warm(session)
    begun = time.process_time()
    answer = client.get(PATHS[0])
    first = 1000 * (time.process_time() - begun)
    assert answer.status_code == 200, answer.text
    took = []
    for _ in range(REQUESTS):
        begun = time.process_time()
        again = client.get(PATHS[0], headers={"If-None-Match": answer.headers["ETag"]})
        took.append(1000 * (time.process_time() - begun))
        assert again.status_code == 304, again.status_code
    poll, typing = _in_browser(client, home)
    return LargeTimes(len(answer.content) / 1024, first, statistics.median(took), poll, typing)


def _in_browser(client: Any, home: Path) -> tuple[float | None, float | None]:
    """Return the browser's cost of a request without changes and of a typed letter; None if there is no browser."""
    import uvicorn

    from tests.browser.chromium import Chromium, installed

    if why := installed():
        print(why, file=sys.stderr)
        return None, None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(client.app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        browser = Chromium(home)
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            token = client.headers["Authorization"].removeprefix("Bearer ")
            browser.call("Network.setCookie", url=url, name="_token", value=token)
            browser.call("Performance.enable", timeDomain="threadTicks")
            browser.go(f"{url}/audit-logs/")
            browser.see("document.querySelectorAll('#pipelines tbody tr').length === 50")
            look = "import('/audit-logs/static/state.js').then((state) => state.commands.look()).then(() => true)"
            browser.run(look)
            polls = [_spent(browser, lambda: browser.run(look)) for _ in range(10)]
            browser.run("document.getElementById('find').focus()")
            letters = [_spent(browser, partial(_type, browser, text)) for text in ("p", "p1", "p12")]
            return statistics.median(polls), max(letters)
        finally:
            browser.close()
            server.should_exit = True
            thread.join()


def _type(browser: Any, text: str) -> None:
    """Type the last letter of a text, and wait until the result is shown."""
    browser.type(text[-1])
    browser.see(f"import('/audit-logs/static/state.js').then(({{ seen }}) => seen.question === 'find={text}')")


def _spent(browser: Any, work: Callable[[], Any]) -> float:
    """Return the CPU milliseconds that the page's main thread spends during some work."""

    def spent() -> float:
        found = {each["name"]: each["value"] for each in browser.call("Performance.getMetrics")["metrics"]}
        return 1000 * float(found["TaskDuration"])

    before = spent()
    work()
    return spent() - before


def _measure() -> list[PageTimes]:
    client = _client()
    collections = _Collections()
    gc.callbacks.append(collections)
    measured = []
    for path in PATHS:
        took, cpu = [], []
        collections.longest = 0.0
        for _ in range(REQUESTS + 1):
            begun, begun_cpu, collected = time.perf_counter(), time.process_time(), collections.total
            answer = client.get(path)
            took.append(1000 * (time.perf_counter() - begun))
            cpu.append(1000 * (time.process_time() - begun_cpu) - (collections.total - collected))
            assert answer.status_code == 200, answer.text
        usual, size = statistics.median(took[1:]), len(answer.content) / 1024
        measured.append(PageTimes(path, took[0], cpu[0], usual, max(took[1:]), max(cpu[1:]), collections.longest, size))
    return measured


class _Collections:
    """CPU time of Python's full garbage collections, in milliseconds."""

    def __init__(self) -> None:
        self.total = self.longest = self._begun = 0.0

    def __call__(self, phase: str, about: dict[str, int]) -> None:
        if about["generation"] < 2:
            return
        if phase == "start":
            self._begun = time.process_time()
            return
        took = 1000 * (time.process_time() - self._begun)
        self.total += took
        self.longest = max(self.longest, took)


if __name__ == "__main__":
    sys.exit(main())
