"""The task that compares past windows of the source with the spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Gap
from audit_provider.core.runs.reconciling import Reconciling
from audit_provider.core.wire.budget import RECONCILIATION
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators.pull import PullAuditLogsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReconcileAuditLogsOperator(PullAuditLogsOperator):
    """Read closed windows of the past again, compare them with the spool, and spool events that came late or were
    missed.

    It compares everything due since the last run, in adjacent windows that end at midnight UTC. New events go into the
    stream ``reconcile``, which is shipped like the live stream. Returns for XCom: ``windows``, ``served``,
    ``in_spool``, ``late``, ``changed`` (events whose id is in the spool with other content; they are spooled too),
    ``late_ids`` (the first 20), ``late_by_action``, ``gone`` (events in the spool that the source no longer serves;
    None if a window was read in parts), ``watermark_lag`` (seconds from the live watermark to now),
    ``reconciled_until`` and ``complete``.

    It has the parameters of :class:`~audit_provider.operators.pull.PullAuditLogsOperator`, and those below. Example::

        ReconcileAuditLogsOperator(task_id="compare", pipeline="pylon", source="pylon", conn_id="pylon_default")

    :param after: Seconds that must have passed since the end of a window. Default and minimum: one hour more than the
        live reading looks back.
    :param width: Maximum length of one window in seconds, in whole days.
    :param retention_days: Days for which the pipeline's segments are kept; windows whose segments may have been removed
        are not compared.
    :param fail_on_missed: Whether a run fails if it finds late or missed events, after they are spooled.
    """

    template_fields: Sequence[str] = tuple(
        each for each in PullAuditLogsOperator.template_fields if "window" not in each
    )
    ui_color = "#e6dff0"

    def __init__(
        self,
        *,
        after: float | None = None,
        width: float = 86_400,
        retention_days: int = 30,
        fail_on_missed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.after = after
        self.width = width
        self.retention_days = retention_days
        self.fail_on_missed = fail_on_missed
        self._comparing: Reconciling | None = None

    def work(self, context: Context) -> dict[str, Any]:
        """Compare the windows that are due, for at most the allowed time."""
        spec = self._spec()
        source = self._source(spec.for_backfill())
        self._comparing = Reconciling(
            ledger=self.ledger,
            store=open_store(self.spool or spool_uri()),
            pipeline=self.pipeline,
            spec=spec,
            after=None if self.after is None else timedelta(seconds=self.after),
            width=timedelta(seconds=self.width),
            retention_days=self.retention_days,
            fail_on_missed=self.fail_on_missed,
            deadline=(self.begun or self.now()) + timedelta(minutes=self.run_minutes),
            reader=source.reader,
            progress=source.progress,
            report=partial(self._send_metrics, live=False),
            log=self.log,
            now=self.now,
        )
        return self._comparing.run()

    @property
    def budget_task(self) -> str:
        """See :class:`~audit_provider.operators.pull.PullAuditLogsOperator`."""
        return RECONCILIATION

    def done(self) -> dict[str, int]:
        """See :class:`~audit_provider.operators.task.AuditLogsOperator`."""
        found = self._comparing.found if self._comparing else ()
        counts = {key: sum(getattr(each, key) for each in found) for key in ("served", "in_spool", "late", "changed")}
        return {**counts, "requests": self._requests()}

    def spooled(self, result: Mapping[str, Any]) -> int:
        """Return how many events are new to the spool: late or missed events, and events whose content changed."""
        return int(result["late"]) + int(result["changed"])

    def _stream_name(self) -> StreamName:
        return StreamName.of_reconciliation(self.pipeline)

    def _log_gap(self, gap: Gap) -> None:
        if gap.kind != "late":
            super()._log_gap(gap)
