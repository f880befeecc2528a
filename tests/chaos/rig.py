"""The stand-ins, a pipeline per case, and what became of its events."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import msgspec
import requests
from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

from audit_provider.__main__ import main
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.core.runs.quiet import Followers, waiting_destinations
from audit_provider.core.sources import REGISTRY
from audit_provider.core.streams.accounting import account
from audit_provider.host.spool_location import open_store
from audit_provider.operators import SHIP_OPERATORS, PullAuditLogsOperator, ReportAuditLogsOperator
from audit_provider.sandbox.s3 import ids_in, s3_client
from audit_provider.state import Variables
from audit_provider.triggers.watch import turns_of
from tests.chaos.figures import Figures
from tests.chaos.worker import Ended, Harm, Worker, start

BATCH = 20
ONCE = frozenset({"s3", "sftp", "elasticsearch"})
"""Destinations that store no event twice, whatever crashes."""

OF_PAST = " of the past"
"""Ends the name of a task of the backfill."""

_BUDGET = {"requests": 10_000, "per": 1}
_LISTENING = {"settle": 0.05, "last_settle": 0.5}
"""For how long a task listens for the end of a connection to syslog, which no load balancer delays here."""

KINDS = ("s3", "splunk_hec", "datadog", "elasticsearch", "sentinel", "http", "syslog", "sftp")


class Rig:
    """The services, and what every case shares.

    :param folder: everything is kept below it.
    :param watch: whether pipelines are watched: what a look says decides whether a run begins, and tasks are skipped.
    """

    def __init__(self, folder: Path, *, watch: bool = False):
        self.folder = folder
        self.watch = watch
        self.described = {}
        self.cases = 0
        self.runs = itertools.count()
        self.pipelines_file = folder / "audit_pipelines.yaml"
        self._process = None

    def __enter__(self):
        path = self.folder / "services.json"
        command = [sys.executable, "-m", "tests.chaos.services", "--describe", str(path)]
        with (self.folder / "services.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        for _ in range(600):
            if path.exists() or self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.described = json.loads(path.read_text())
        for name, connection in self.described["connections"].items():
            self.connect(name, **connection)
        os.environ["AIRFLOW__AUDIT_LOGS__PIPELINES_FILE"] = str(self.pipelines_file)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(30)

    def connect(self, name, **changes):
        """Set or change a connection."""
        kept = json.loads(os.environ.get(f"AIRFLOW_CONN_{name.upper()}", "{}"))
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(kept | changes)

    def url(self, name):
        return self.described["urls"][name]

    @contextlib.contextmanager
    def fault(self, name, kind, **details):
        """Let a service do something wrong within the block. :param name: of the service, or its URL."""
        control = f"{self.described['urls'].get(name, name)}/_sandbox/faults"
        requests.post(control, json={"kind": kind, "count": None, **details}, timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.delete(control, timeout=10)

    @contextlib.contextmanager
    def small_events(self):
        """Let Splunk take no event within the block."""
        limits = f"{self.url('splunk_hec')}/_sandbox/limits"
        requests.post(limits, json={"max_event_bytes": 1}, timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(limits, json={"max_event_bytes": 5_000_000}, timeout=10)

    def held(self, name):
        return requests.get(f"{self.url(name)}/_sandbox/state", timeout=60).json()

    def case(self, scenario, seed, **options):
        self.cases += 1
        return Case(self, f"{scenario}_{self.cases}", Figures(scenario, seed), **options)


@dataclass(frozen=True)
class Served:
    """An event as the vendor serves it. :ivar at: when it happened."""

    digest: str
    at: datetime


class Case:
    """One pipeline with a source of its own.

    :param events: that the source holds at the start. :param source: of which kind.
    :param kinds: destinations. :param spool: URI; by default a folder.
    :param ago: how long ago the last of the events happened. :param kept: for how long the vendor is said to keep one.
    :ivar past: the window of a backfill, for tasks whose names end in ``of the past``.
    :ivar dropped: events that the vendor keeps no more, by id.
    """

    def __init__(
        self,
        rig: Rig,
        name,
        figures,
        *,
        events=60,
        source="pylon",
        kinds=KINDS,
        spool="",
        ago=timedelta(0),
        kept: timedelta | None = None,
    ):
        self.rig = rig
        self.name = name
        self.figures = figures
        self.kinds = kinds
        self.folder = rig.folder / name
        self.spool = spool or f"file://{self.folder}/spool"
        self.kind = source
        self.folder.mkdir(parents=True, exist_ok=True)
        self.described = {"like": source, "lookback": kept.total_seconds()} if kept else source
        self.start_at = "2020-01-01"
        self.past: dict[str, str] = {}
        self.dropped: dict[str, Served] = {}
        self.source = self._ask("new", kind=source, events=events, ago=ago.total_seconds())
        self.connect()
        self._held_before = {kind: self._held(kind) for kind in kinds}

    def connect(self, **changes):
        """Make the connection to the source, under the name that the pipeline has now."""
        self.rig.connect(f"source_{self.name}", **(self.source["connection"] | changes))

    def add(self, events, seconds=2):
        """Let more events happen at the source."""
        self._ask("more", number=self.source["number"], events=events, seconds=seconds)

    def drop(self, before: datetime) -> int:
        """Let the vendor keep nothing older any more; return how many events went."""
        held = self.held_by_source()
        self._ask("drop", number=self.source["number"], before=before.isoformat())
        gone = held.keys() - self.held_by_source().keys()
        self.dropped |= {each: held[each] for each in gone}
        return len(gone)

    @contextlib.contextmanager
    def exchanged(self):
        """Let the credential be another account's within the block."""
        self.connect(**self._ask("exchange", number=self.source["number"], back=False))
        try:
            yield
        finally:
            self.connect(**self._ask("exchange", number=self.source["number"], back=True))

    def held_by_source(self) -> dict[str, Served]:
        """Return the events that the vendor holds, by id."""
        held = self._ask("held", number=self.source["number"])
        return {name: Served(digest, datetime.fromisoformat(at)) for name, digest, at in held}

    def task(self, what):
        """Return the work of ``pull``, ``report``, ``verify``, ``look``, a destination, or ``redrive``, to Splunk.

        A pull or a destination ``of the past`` is one of the backfill.

        A look returns why a run is to be started, "" where none is; a pull which tasks the scheduler is to skip.
        """
        if what == "verify":
            return self._verify
        if what == "look":
            return self._look
        is_past = what.endswith(OF_PAST)
        what = what.removesuffix(OF_PAST)
        common = {"task_id": "t", "pipeline": self.name, "spool": self.spool}
        params = {"redrive": ["splunk_hec"]} if what == "redrive" else {}
        what = "splunk_hec" if what == "redrive" else what
        if what == "pull":
            followers = Followers(ships={each: each for each in self.kinds}) if self.rig.watch else None
            operator = PullAuditLogsOperator(
                watched=self.rig.watch,
                followers=followers,
                source=self.described,
                conn_id=f"source_{self.name}",
                settings=self.source["settings"],
                start=self.start_at or None,
                page_size=20 if REGISTRY[self.kind].page_size else None,
                rate_limit=_BUDGET,
                **({"window": self.past} if is_past else {}),
                **common,
            )
        elif what == "report":
            operator = ReportAuditLogsOperator(
                source=self.described, destinations=list(self.kinds), monitoring={}, checkpoints=False, **common
            )
        else:
            windows = {"windows": [self.past]} if is_past else {}
            operator = SHIP_OPERATORS[what](**_arguments(self.rig, self.name, what), **windows, **common)
        run_type = "asset_triggered" if self.rig.watch else "manual"
        run = SimpleNamespace(run_id=f"run {next(self.rig.runs)}", run_type=run_type)
        context = {"ti": MagicMock(try_number=1), "params": params, "dag_run": run}
        return lambda: _executed(operator, context)

    def _look(self):
        """Do what a process does that begins to watch the pipeline: the first look, and ask who waits for something."""
        os.environ["AIRFLOW__AUDIT_LOGS__SPOOL"] = self.spool
        described = {
            "name": self.name,
            "source": self.described,
            "conn_id": f"source_{self.name}",
            "settings": self.source["settings"],
            "start": self.start_at or None,
            "page_size": 20 if REGISTRY[self.kind].page_size else None,
            "reading": {},
            "rate_limit": _BUDGET,
            "destinations": list(self.kinds),
            "findings": False,
            "evidence": False,
        }
        start = turns_of(described).take().start
        # A process that lives on asks for these every five minutes.
        served = Followers(ships={each: each for each in self.kinds})
        return start or ", ".join(waiting_destinations(Variables(), self.name, served, logging.getLogger(__name__)))

    def _verify(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = main(["verify", str(self.folder / "spool"), "--pipeline", self.name, "--destination", "splunk_hec"])
        if code:
            faults = [line for line in said.getvalue().splitlines() if line.startswith(("FAULT", "Result"))]
            raise RuntimeError(f"verify ended {code}: {' '.join(faults)}")

    def start(self, what, **harm) -> Worker:
        return start(self.task(what), self.rig.url("variables"), self.rig.folder / "workers.log", Harm(**harm))

    def run(self, what, **harm) -> Ended:
        """Run a task in a process of its own."""
        return self.start(what, **harm).wait()

    def said_by(self, what) -> str:
        """Run a task, and return its log."""
        log = self.rig.folder / "workers.log"
        before = log.stat().st_size
        self.run(what)
        return log.read_bytes()[before:].decode()

    def recover(self, *tasks):
        """Run tasks that must end well, by default all, and keep the longest time.

        Of a watched pipeline only those that a look starts, and that the pull does not let the scheduler skip.
        """
        tasks = tasks or ("pull", *self.kinds)
        if self.rig.watch and "pull" in tasks and not self._recovered("look").said:
            return
        skipped = []
        for what in tasks:
            if what not in skipped:
                ended = self._recovered(what)
                skipped = ended.said or [] if what == "pull" else skipped

    def _recovered(self, what) -> Ended:
        ended = self.run(what)
        self.figures.must(ended.how == "done", f"{what} ended {ended.how} after the harm was over: {ended.error}")
        self.figures.recovery = max(self.figures.recovery, ended.seconds)
        return ended

    def variable(self, key):
        return requests.get(f"{self.rig.url('variables')}/variables/{key}", timeout=10).json().get("value")

    def variables(self) -> dict[str, str]:
        """Return all Variables of the pipeline."""
        kept = self.rig.held("variables")
        return {key: text for key, text in kept.items() if key.startswith(f"audit_logs.{self.name}.")}

    def put_back(self, kept):
        """Put older Variables in the place of those that are there."""
        for key in self.variables().keys() - kept.keys():
            requests.delete(f"{self.rig.url('variables')}/variables/{key}", timeout=10).raise_for_status()
        for key, text in kept.items():
            url = f"{self.rig.url('variables')}/variables/{key}"
            requests.put(url, data=text.encode(), timeout=10).raise_for_status()

    def delete_position(self):
        """Delete the position and its copy, as a person does."""
        for key in self.variables():
            if key.startswith(StreamName(self.name).cursor_key):
                requests.delete(f"{self.rig.url('variables')}/variables/{key}", timeout=10).raise_for_status()

    @property
    def position(self) -> Position | None:
        text = self.variable(StreamName(self.name).cursor_key)
        return POSITIONS.unpack(text, "here") if text else None

    def offset(self, kind) -> Offset | None:
        text = self.variable(StreamName(self.name).offset_key(kind))
        return msgspec.json.decode(text, type=Offset) if text else None

    def events_of_spool(self):
        stream = StreamName(self.name).stream(open_store(self.spool), self.position)
        return [event for _, events in stream.read(self.position.head, 1) for event in events]

    def close(self) -> Figures:
        """Count what is lost and what is there twice; hold the accounts against it; return the figures."""
        figures = self.figures
        position = self.position
        ever = self.held_by_source() | self.dropped
        spooled = [event.id for event in self.events_of_spool()]
        unread = ever.keys() - set(spooled)
        in_gap = {each for each in unread if any(gap.wanted <= ever[each].at < gap.possible for gap in position.gaps)}
        unsaid = (unread - in_gap) & self.dropped.keys()
        figures.must_notice(not unsaid, f"{len(unsaid)} events that the vendor has dropped are in no gap")
        served = ever.keys() - in_gap - unsaid
        figures.lost["spool"] = len(served - set(spooled))
        figures.repeated["spool"] = len(spooled) - len(set(spooled))
        stream = StreamName(self.name).stream(open_store(self.spool), position)
        for kind in self.kinds:
            held = self._new(kind)
            figures.invented[kind] = _invented(held, ever)
            ids = Counter(name for name, _ in held.elements() if name in served)
            figures.lost[kind] = len(served - set(ids) - self.set_aside(kind))
            figures.repeated[kind] = ids.total() - len(ids)
            accounted = account(stream, kind, position, self.offset(kind))
            figures.must(accounted.adds_up and not accounted.pending, f"the account is {accounted}")
        return figures

    def held_of_source(self, kind) -> int:
        """Return how many events of the source a destination has, repeats included."""
        return self._new(kind).total()

    def invented(self, kind) -> int:
        """Return how many events a destination has that the vendor has not served, or not as they are there."""
        return _invented(self._new(kind), self.held_by_source() | self.dropped)

    def _new(self, kind) -> Counter[tuple[str, str]]:
        return self._held(kind) - self._held_before[kind]

    def _held(self, kind) -> Counter[tuple[str, str]]:
        """Return the ids that a destination holds, each with a digest of what is there; "" where it does not say."""
        if kind != "s3":
            held = self.rig.held(kind)
            return Counter(map(tuple, held.get("contents") or [(each, "") for each in held["ids"]]))
        gate = s3_client(self.rig.url("s3"))
        ids = ids_in(gate, self.rig.described["bucket"], f"{self.name}/", REGISTRY[self.kind].fields.id)
        return Counter((each, "") for each in ids)

    def set_aside(self, kind):
        """Return the ids of a destination's dead letters."""
        folder = self.folder / "spool"
        return {
            json.loads(line)["id"]
            for path in folder.glob(f"*/*/*/dead/{kind}/*.ndjson")
            for line in path.read_text().splitlines()
        }

    def _ask(self, what, **body):
        answer = requests.post(f"{self.rig.url('sources')}/_sandbox/{what}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()


def _executed(operator, context):
    """Execute an operator, and return which tasks behind it are to be skipped."""
    try:
        operator.execute(context)
    except DownstreamTasksSkipped as skipped:
        return list(skipped.tasks)
    return []


def _invented(held, ever):
    known = {(name, digest) for name, served in ever.items() for digest in ("", served.digest)}
    return sum(count for event, count in held.items() if event not in known)


def _arguments(rig, name, kind):
    own = {
        "s3": {"bucket": rig.described["bucket"], "prefix": name},
        "splunk_hec": {"index": "audit"},
        "sentinel": rig.described["sentinel"],
        "sftp": {"folder": name},
    }.get(kind, {})
    if kind in ("s3", "sftp"):
        return own
    return {**own, "options": {"batch_events": BATCH, **(_LISTENING if kind == "syslog" else {})}}
