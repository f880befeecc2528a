"""The trigger that watches the source of a pipeline, and starts a run if there is something to do.

https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from audit_provider.core.errors import AuditError
from audit_provider.core.model import utc_now
from audit_provider.core.sources.watched import HAND_OVER_EVERY, LookRecord, budget_of_looks, time_between_looks
from audit_provider.core.wire.rate_limit import Pacer
from audit_provider.host.process import sleep_or_defer

if TYPE_CHECKING:
    from audit_provider.core.runs.look import Lookout
    from audit_provider.core.runs.turns import Turn, Turns
    from audit_provider.core.sources import PageReader, SourceSpec
    from audit_provider.core.wire.rate_limit import Burst

_PROMPTLY: dict[str, Any] = {"tries": 3, "patience": 5.0}
"""Options of a look's client. If a service asks for a longer wait, the next look is after that wait."""

_OPENING_PAUSE = timedelta(minutes=1)
_LOOKERS = ThreadPoolExecutor(32, thread_name_prefix="audit-logs-look")
"""Looks use threads of their own, so that a slow service does not delay other triggers."""

_log = logging.getLogger(__name__)


class WatchTrigger(BaseEventTrigger):
    """Looks at the source of a pipeline every few seconds, as its part of the request budget allows.

    Position, session and connection stay in memory between looks, because each request to Airflow costs the triggerer
    as much as several looks. The trigger writes only the Variable of the last look.

    :param pipeline: JSON from :func:`~audit_provider.dags.incremental.described`. It is a text because Airflow's
        database does not change a text, and only a changed value starts another trigger.
    """

    def __init__(self, pipeline: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pipeline = pipeline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that Airflow stores."""
        return f"{WatchTrigger.__module__}.{WatchTrigger.__qualname__}", {"pipeline": self.pipeline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the source, and yield an event for each run to start."""
        described: dict[str, Any] = json.loads(self.pipeline)
        turns: Turns | None = None
        try:
            while True:
                if turns is None:
                    turns = await _in_thread(_turns_or_none, described)
                    if turns is None:
                        await asyncio.sleep(_OPENING_PAUSE.total_seconds())
                        continue
                turn: Turn = await _in_thread(turns.take)
                if turn.start:
                    payload = {"pipeline": described["name"], "why": turn.start}
                    yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
                await asyncio.sleep(turn.pause.total_seconds())
        finally:
            if turns:
                turns.close()


async def _in_thread(work: Any, *arguments: Any) -> Any:
    """Run blocking work in a thread in which requests to Airflow work on every supported version."""
    return await sync_to_async(work, thread_sensitive=False, executor=_LOOKERS)(*arguments)


def _turns_or_none(described: Mapping[str, Any]) -> Turns | None:
    try:
        return turns_of(described)
    except AuditError as error:
        _log.warning("The source of %s cannot be watched yet: %s", described["name"], error)
    except Exception as error:  # noqa: BLE001 - Airflow would restart a trigger that ends by an error at once
        _log.warning("The source of %s cannot be watched yet: %s", described["name"], type(error).__name__)
    return None


def turns_of(described: Mapping[str, Any]) -> Turns:
    """Return the loop of looks at a pipeline's source.

    :param described: see :func:`~audit_provider.dags.incremental.described`.
    :raises AuditError: the record of the last look cannot be read, or the pipeline is wrong.
    """
    from audit_provider.core.pipeline import source_from
    from audit_provider.core.runs.quiet import Followers, waiting_destinations
    from audit_provider.core.runs.turns import Turns
    from audit_provider.state import Variables

    name, ledger = described["name"], Variables()
    spec = source_from(
        name,
        described["source"],
        page_size=described["page_size"],
        reading=described["reading"],
        rate_limit=described["rate_limit"],
        settings=described["settings"],
    )
    record = LookRecord(ledger, name)
    last = record.load()
    pacers = _Pacers(last.kept_at if last else None)
    followers = Followers(
        ships={each: each for each in described["destinations"]},
        findings=described["findings"],
        evidence=described["evidence"],
    )
    return Turns(
        opened=lambda: _opened(described, spec, pacers),
        behind=lambda: waiting_destinations(ledger, name, followers, _log),
        record=record,
        every=time_between_looks(spec),
        now=utc_now,
        log=_log,
    )


def _opened(described: Mapping[str, Any], spec: SourceSpec, pacers: _Pacers) -> Lookout:
    """Return a lookout over a new connection.

    :raises AuditError: the connection cannot be used.
    """
    from audit_provider.core.runs.look import Lookout, Watched
    from audit_provider.core.runs.read_account import read_account
    from audit_provider.hooks.audit_logs import AuditLogsHook
    from audit_provider.host.settings import spool_uri
    from audit_provider.host.spool_location import open_store
    from audit_provider.state import Variables

    hook = AuditLogsHook(described["conn_id"], source=spec, settings=described["settings"])
    clients = {
        each.name: hook.client(sleep=sleep_or_defer, pacer=pacers.of(each), **_PROMPTLY) for each in _apis_of(spec)
    }

    def pages(each: SourceSpec) -> PageReader:
        return hook.pages(each, client=clients[each.name])

    return Lookout(
        Watched(
            ledger=Variables(),
            store=open_store(spool_uri()),
            pipeline=described["name"],
            spec=spec,
            pages=pages,
            account=lambda name, position: read_account(hook, [(name, position)], log=_log).account,
            now=utc_now,
            log=_log,
            start=described["start"],
        )
    )


def _apis_of(spec: SourceSpec) -> list[SourceSpec]:
    return [spec, *([spec.recovery] if spec.recovery else [])]


class _Pacers:
    """The pacers for looks in this process, by source; they outlive a connection.

    :param kept_at: when an earlier process wrote the record of the last look; None if there was none.
    """

    def __init__(self, kept_at: datetime | None) -> None:
        self._kept_at = kept_at
        self._pacers: dict[str, Pacer] = {}

    def of(self, source: SourceSpec) -> Pacer:
        """Return the pacer of a source. Two sources with the same name use the same API and one budget."""
        if source.name not in self._pacers:
            limit = budget_of_looks(source.rate_limit)
            history: list[Burst] = []
            if self._kept_at:
                # An earlier process may have used its full budget until it was due to write the record again.
                until = min(self._kept_at + HAND_OVER_EVERY, utc_now())
                history = [(int(until.timestamp() * 1000), limit.requests)]
            self._pacers[source.name] = Pacer(limit, history=history, sleep=sleep_or_defer, now=utc_now)
        return self._pacers[source.name]
