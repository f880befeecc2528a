"""The task that reads the spool again and writes down which days are proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError, StopError
from audit_provider.core.model import utc_now
from audit_provider.core.pipeline import Pipeline, read_pipelines
from audit_provider.core.runs.verifying import Verifying
from audit_provider.host.settings import beside_dags, pipelines_file, spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators.task import AuditLogsOperator
from audit_provider.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class VerifyAuditLogsOperator(AuditLogsOperator):
    """Read the spool of a pipeline again, compare it with Airflow's records, and judge every day.

    What it finds is kept as evidence, and is what the calendar of the page shows. The task fails if there is a fault in
    the spool. Returns for XCom: ``result``, ``events``, ``segments``, ``faults`` and ``proven``, ``read``, ``gap``, how
    many days are in each state. Example::

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
        """Verify, then fail where the spool is not as it was written."""
        pipeline = self._pipeline()
        store = open_store(self.spool or spool_uri())
        run = Verifying(self.ledger, store, pipeline, self.log, utc_now, __version__)
        found, days = run.run()
        self.log.info("\n%s", found)
        if found.faults:
            raise StopError(
                f"the spool of {pipeline.name} has {len(found.faults)} faults, the first: {found.faults[0]}; "
                "'audit-logs verify' lists all of them."
            )
        return {
            "result": found.result,
            "events": sum(each.events for each in found.streams),
            "segments": sum(each.segments for each in found.streams),
            "faults": len(found.faults),
            **{state: sum(each.state == state for each in days.values()) for state in ("proven", "read", "gap")},
        }

    def _pipeline(self) -> Pipeline:
        if isinstance(self.pipeline, Pipeline):
            return self.pipeline
        try:
            text = pipelines_file(beside_dags()).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the pipelines file cannot be read ({error}): see its path and rights.") from None
        found = read_pipelines(text).pipelines.get(self.pipeline)
        if found is None:
            raise ConfigurationError(f"the pipelines file has no pipeline {self.pipeline!r} without mistakes.")
        return found
