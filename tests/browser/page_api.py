"""The page over a JSON API that a test holds: pipelines as the test wants them, and answers when it wants them."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import msgspec

from audit_provider.core.model import utc_now
from audit_provider.plugin.all_pipelines import Wanted, row_of, rows_of, totals_of, verdict_of
from audit_provider.plugin.incidents import MOST_NAMED, ended_of, incidents_of
from audit_provider.plugin.overview_views import Overview
from audit_provider.plugin.views import DestinationView, PipelineDetail, PipelineView, Problem, SourceView
from audit_provider.sandbox.server import Reply, Service
from tests.browser.conftest import ROOT

PAGE = ROOT / "audit_provider" / "plugin" / "page"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Api(Service):
    """The page, and its API over some pipelines; ``hold`` keeps the answers to a path until they are let go.

    :ivar views: makes the pipelines of an answer. :ivar refuses: what every look is answered with, if anything.
    :ivar posted: paths and bodies of what buttons have sent. :ivar told: what a button is answered with.
    :ivar setup: of an overview. :ivar activity: of every pipeline.
    :ivar others: what other paths are answered with, or what makes that of a request.
    :ivar replies: what buttons of some paths are answered with instead.
    :ivar sent: bytes of the answers to looks; 0 for one that had not changed.
    """

    name = "page"

    def __init__(self, views=None):
        super().__init__()
        self.gates: dict[str, threading.Event] = {}
        self.arrived: dict[str, threading.Event] = {}
        self.down = False
        self.refuses: Reply | None = None
        self.error = ""
        self.last_read = utc_now()
        self.views = views or (lambda: [pipeline(name, self.last_read, self.error) for name in ("one", "two")])
        self.posted = []
        self.sent = []
        self.told = {"ok": True, "message": "splunk is well", "link": ""}
        self.others = {}
        self.replies: dict[str, Reply] = {}
        self.activity = None
        self.setup = None

    def hold(self, path):
        """Hold what a path is answered with from now on, as it is when it is asked for."""
        self.arrived[path] = threading.Event()
        self.gates[path] = threading.Event()
        return SimpleNamespace(arrived=self.arrived[path], let_go=self.gates[path].set)

    def answer(self, request):
        opened = request.param("opened")
        path = f"{request.path}?opened={opened}" if opened else request.path
        reply = self._reply(request, opened)
        if gate := self.gates.get(path):
            self.arrived[path].set()
            assert gate.wait(300)
        return reply

    def _reply(self, request, opened):
        path = request.path
        if path == "/":
            return Reply(200, (PAGE / "index.html").read_bytes(), kind="text/html")
        if path.startswith("/static/"):
            file = PAGE / path.removeprefix("/static/")
            return Reply(200, file.read_bytes(), kind=KINDS[file.suffix])
        if request.method == "POST":
            self.posted.append((path, json.loads(request.body or b"{}")))
            return self.replies.get(path) or Reply.json(200, self.told)
        if self.down:
            return Reply.json(503, {"detail": "Airflow is down"})
        if self.refuses:
            return self.refuses
        if path in self.others:
            other = self.others[path]
            found = other(request) if callable(other) else other
            return Reply.json(200, json.loads(msgspec.json.encode(found)))
        if path != "/api/overview":
            return Reply.json(404, {"detail": "there is no such thing"})
        return self._overview(request, opened)

    def _overview(self, request, opened):
        views = self.views()
        page, matrix = rows_of(
            views,
            Wanted(
                find=request.param("find") or "",
                state=request.param("state") or "",
                tag=request.param("tag") or "",
                sort=request.param("sort") or "state",
                down=request.param("down") == "true",
                group=request.param("group") or "",
                page=int(request.param("page") or 1),
                size=int(request.param("size") or 50),
            ),
        )
        incidents, more = incidents_of(views)
        found = Overview(
            utc_now(),
            critical=0,
            warning=0,
            hidden=0,
            mistakes="",
            verdict=verdict_of(views),
            totals=totals_of(views),
            pipelines=tuple(map(row_of, page)),
            matrix=matrix,
            setup=self.setup,
            opened=next((PipelineDetail(each, self.activity) for each in views if each.name == opened), None),
            ended=tuple(ended_of(views, utc_now())),
            incidents=tuple(replace(each, pipelines=each.pipelines[:MOST_NAMED]) for each in incidents),
            more_incidents=more,
        )
        body = msgspec.json.encode(found)
        tag = f'"{hashlib.sha256(body.partition(b",")[2]).hexdigest()}"'
        same = request.headers.get("If-None-Match") == tag
        self.sent.append(0 if same else len(body))
        if same:
            return Reply(304, b"", kind="application/json", headers={"ETag": tag})
        return Reply(200, body, kind="application/json", headers={"ETag": tag})


def pipeline(name, last_read, error=""):
    state = "critical" if error else "ok"
    served = DestinationView(
        "splunk",
        "splunk_hec",
        enabled=True,
        conn_id="splunk_default",
        state=state,
        pending=40 if error else 0,
        failures_in_a_row=2 if error else 0,
        last_error=error,
        may=("test_connection",),
    )
    problem = Problem(
        "critical",
        f"splunk failed in 2 runs in a row: {error}",
        "splunk",
        since=last_read,
        log=f"/log/{name}",
        kind="destination",
        cause="splunk_default",
        subject="splunk",
        waiting=40,
        error=error,
    )
    return PipelineView(
        name,
        "pylon",
        state,
        reading=SourceView("ok", last_complete=last_read),
        problems=(problem,) if error else (),
        last_read=last_read,
        destinations=(served,),
        links=dict.fromkeys(("dag", "backfill", "replay"), "/"),
        may=(),
    )
