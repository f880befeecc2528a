"""The task that verifies the spool and records which days are proven."""

from __future__ import annotations

import time
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.s3_options import S3Options
from audit_provider.core.errors import ConfigurationError, StopError
from audit_provider.core.pipeline import Pipeline
from audit_provider.core.runs.asking import arrival_at, lacking
from audit_provider.core.runs.verifying import Verifying
from audit_provider.host.pipelines import read_file
from audit_provider.host.settings import beside_dags, pipelines_file, spool_uri
from audit_provider.host.spool_location import open_store, s3_client
from audit_provider.operators.task import AuditLogsOperator
from audit_provider.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import Context

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.verification.day_arrivals import DayArrival

_SAID = 3


class VerifyAuditLogsOperator(AuditLogsOperator):
    """Read the spool of a pipeline again, compare it with Airflow's records, ask destinations, and judge every day.

    The result is stored as evidence, and the calendar of the page shows it. The task fails if there is a fault in the
    spool, or if a destination does not have what it confirmed. Returns for XCom: ``result``, ``events``, ``segments``,
    ``faults``, ``lacking`` (number of days for which a destination lacks events), and the number of days in each state:
    ``proven``, ``read``, ``gap``. Example::
    ``gap``, how many days are in each state. Example::

        VerifyAuditLogsOperator(task_id="verify", pipeline="pylon")

    :param pipeline: Name of the pipeline in the pipelines file, or the pipeline itself.
    :param spool: URI of the spool. Default: ``[audit_logs] spool``.
    """

    template_fields: Sequence[str] = ("spool",)
    ui_color = "#dcefe3"

    def __init__(self, *, pipeline: str | Pipeline, spool: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.spool = spool

    def work(self, context: Context) -> dict[str, Any]:
        """Verify, then fail if the spool differs from what was written."""
        pipeline = self._pipeline()
        store = open_store(self.spool or spool_uri())
        asks = pipeline.reconcile is None or pipeline.reconcile.ask_destinations
        arrival_of = _arrivals_of(self._with_options(pipeline)) if asks else None
        run = Verifying(self.ledger, store, pipeline, self.log, self.now, __version__, arrival_of)
        found, days = run.run()
        self.log.info("\n%s", found)
        if found.faults:
            raise StopError(
                f"the spool of {pipeline.name} has {len(found.faults)} faults, the first: {found.faults[0]}; "
                "'audit-logs verify' lists all of them."
            )
        lacks = lacking(days, [each.name for each in pipeline.destinations.values() if asks and each.enabled])
        if lacks:
            raise StopError(
                f"destinations of {pipeline.name} lack what they confirmed, on {len(lacks)} days: "
                f"{'; '.join(lacks[:_SAID])}. Replay these days, or find out who has changed what lies there; "
                "'audit-logs verify --against' looks at all of it."
            )
        return {
            "result": found.result,
            "events": sum(each.events for each in found.streams),
            "segments": sum(each.segments for each in found.streams),
            "faults": len(found.faults),
            "lacking": len(lacks),
            **{state: sum(each.state == state for each in days.values()) for state in ("proven", "read", "gap")},
        }

    def _pipeline(self) -> Pipeline:
        return self.pipeline if isinstance(self.pipeline, Pipeline) else self._in_file(self.pipeline)

    def _with_options(self, pipeline: Pipeline) -> Pipeline:
        """Return a pipeline with the options of all its destinations: a task's process loads only its own."""
        if all(each.options is not None for each in pipeline.destinations.values()):
            return pipeline
        try:
            described = self._in_file(pipeline.name)
        except ConfigurationError as error:
            self.log.warning("No destination is asked: %s", error)
            return pipeline
        return described

    @staticmethod
    def _in_file(name: str) -> Pipeline:
        """Return a pipeline of the pipelines file."""
        found = read_file(pipelines_file(beside_dags())).pipelines.get(name)
        if found is None:
            raise ConfigurationError(f"the pipelines file has no pipeline {name!r} without mistakes.")
        return found


def _arrivals_of(pipeline: Pipeline) -> Callable[[str, Mapping[str, Position]], DayArrival]:
    """Return a function that asks a destination of the pipeline, given its name and the positions of the streams.

    The connection is looked up, and its library loaded, at the first event of a destination.

    :param pipeline: with the options of its destinations.
    """

    def arrival_of(name: str, positions: Mapping[str, Position]) -> DayArrival:
        delivery = pipeline.destinations.get(name)
        if delivery is None or delivery.options is None:
            raise ConfigurationError("its options are not known in this process: see the pipelines file")
        return arrival_at(delivery, pipeline, positions, partial(_client, delivery), time.sleep)

    return arrival_of


def _client(delivery: Delivery) -> Any:
    """Return a boto3 S3 client, or the HTTP client of another destination."""
    if isinstance(delivery.options, S3Options):
        return s3_client(delivery.conn_id)
    return resolve_name(DESTINATIONS[delivery.type].hook_path)(delivery.conn_id).client()
