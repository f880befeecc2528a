"""The tasks that ship the spool to a destination: one operator per destination type, one shared way of shipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException

from audit_provider.core.delivery import Delivery, delivery_from, form_of
from audit_provider.core.errors import AuditError, WaitError
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Origin, ShipCounts, Window
from audit_provider.core.records.selection import Selector
from audit_provider.core.runs.arguments import discard_from, origin_of, range_from, window_from
from audit_provider.core.runs.attempt import Patience, Shipped
from audit_provider.core.runs.configurations import configuration_of
from audit_provider.core.runs.letters import discard_letters, redrive_letters
from audit_provider.core.runs.shipment import Shipment, forget_replay
from audit_provider.core.shipping.terms import Terms, TooOld
from audit_provider.host.connection import connection_check
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.operators import signals
from audit_provider.operators.signals import destination_asset, openlineage, tell_asset
from audit_provider.operators.task import AuditLogsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.shipping.sending_again import TimeRange


class ShipAuditLogsOperator(AuditLogsOperator):
    """Ship everything that a destination has not received yet.

    After an outage of the destination, the next run delivers what is pending. Returns counts for XCom: ``delivered``,
    ``already_there``, ``too_old``, ``dead_lettered``, ``pending``. If something was delivered, the asset
    ``x-audit-logs://<pipeline>/<destination>`` gets an event with these counts.

    Use the operator of the destination's type. Example::

        AuditLogsToS3Operator(task_id="ship_s3", pipeline="pylon", conn_id="aws_default", bucket="audit-logs")

    :param pipeline: Name of the pipeline.
    :param destination: Name of the destination in the pipeline; its offset is recorded under it. Default: its type.
    :param conn_id: The destination's connection.
    :param options: Other keys of the destination, as in the pipelines file; also ``format``, ``only``, ``except``,
        ``redact``, ``concurrency`` and ``enabled``.
    :param source: The pipeline's source, for the meaning of its actions. Default: the source that was read.
    :param windows: Windows of a backfill to ship; None ships the live stream. With windows, the task is skipped if the
        run's ``destinations`` do not name this one.
    :param replay: Send again the events of the spool that happened between the run's ``start`` and ``end``. The offset
        does not change. The task is skipped if the run's ``destinations`` do not name this one.
    :param late: Ship what a reconciliation has found late or missed, instead of the live stream.
    :param findings: Also ship the findings of monitoring.
    :param evidence: Also ship checkpoints and changes of the configuration.
    :param too_old: What to do with events older than the destination accepts: ``arrival_time`` sends them with the
        current time as their timestamp, ``dead_letter`` sets them aside.
    :param dead_letters: Whether a run that set events aside fails (``fail``) or succeeds (``succeed``).
    :param run_minutes: Minutes for which one task ships, including waits. The next run ships the rest.
    :param spool: URI of the spool. Default: ``[audit_logs] spool``.
    """

    destination_type: ClassVar[str]
    hook: ClassVar[type[Any]]
    option_names: ClassVar[tuple[str, ...]] = ()
    template_fields: Sequence[str] = ("pipeline", "destination", "conn_id", "options", "windows", "spool")
    ui_color = "#dff0d8"

    def __init__(
        self,
        *,
        pipeline: str,
        destination: str | None = None,
        conn_id: str | None = None,
        options: Mapping[str, Any] | None = None,
        source: str | Mapping[str, Any] | None = None,
        windows: Sequence[Mapping[str, str]] | None = None,
        replay: bool = False,
        late: bool = False,
        findings: bool = False,
        evidence: bool = False,
        too_old: TooOld = "arrival_time",
        dead_letters: Literal["fail", "succeed"] = "fail",
        run_minutes: int = 30,
        spool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.destination = destination or self.destination_type
        self.conn_id = conn_id
        self.options = options
        self.source = source
        self.windows = windows
        self.replay = replay
        self.by_window = windows is not None
        self.late = late
        self.findings = findings
        self.evidence = evidence
        self.too_old = too_old
        self.dead_letters = dead_letters
        self.run_minutes = run_minutes
        self.spool = spool
        self.asset = destination_asset(pipeline, self.destination)
        self.outlets = [*self.outlets, self.asset]
        self._shipment: Shipment | None = None

    @classmethod
    def of_delivery(cls, delivery: Delivery, **arguments: Any) -> ShipAuditLogsOperator:
        """Return the task that ships to a destination of the pipelines file.

        :param arguments: further arguments of the operator.
        """
        own = {name: getattr(delivery.options, name) for name in cls.option_names}
        own |= {name: getattr(delivery, name) for name in ("conn_id", "too_old", "dead_letters")}
        options = {key: value for key, value in delivery.written().items() if key not in own and key != "type"}
        return cls(destination=delivery.name, options=options or None, **own, **arguments)

    def connect(self, delivery: Delivery, origin: Origin, form: Form) -> Destination:
        """Return the destination, ready to send.

        :param form: the format of its events.
        :raises AuditError: its connection cannot be used.
        """
        destination: Destination = self.hook(delivery.conn_id).destination(
            delivery.options, origin, form, sleep=self.sleep
        )
        return destination

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the address of a destination, without secrets.

        :raises AuditError: its connection cannot be used.
        """
        return str(cls.hook(delivery.conn_id).endpoint(delivery.options))

    @classmethod
    def load(cls, delivery: Delivery) -> None:
        """Load the libraries that a destination needs. Nothing is sent."""
        cls.hook(delivery.conn_id).load()

    @classmethod
    def check_connection(cls, delivery: Delivery) -> None:
        """Confirm that the connection of a destination exists and contains what it must. Nothing is sent.

        :raises AuditError: it cannot be used.
        """
        cls.hook(delivery.conn_id).confirm(delivery.options)

    def work(self, context: Context) -> dict[str, int]:
        """Ship what is pending in the live stream, or in the stream of each window.

        If the run's ``redrive`` names this destination, its dead letters are sent again first. If ``discard_from``
        names it, the dead letters that the run lists are discarded, even if the destination is not enabled. A replay
        instead sends events of the spool again.
        """
        self._shipment = None
        try:
            return self._work(context)
        except WaitError as wait:
            if self._shipment is None:
                raise
            error = self._shipment.patience.outlasting(wait)
            self.begun = self._shipment.patience.begun
            raise error from None

    def done(self) -> dict[str, int]:
        """Return the counts of this try since its last wait."""
        return _result(self._shipment.counts if self._shipment else ShipCounts())

    def _work(self, context: Context) -> dict[str, int]:
        params = context["params"]
        if self.by_window or self.replay:
            chosen = params.get("destinations")
            if chosen and self.destination not in chosen:
                raise AirflowSkipException(f"{self.destination} is not among the chosen destinations.")
            if self.windows is None and not self.replay:
                # The plan failed. Streams that are not a window's are shipped by the incremental DAG.
                raise AirflowSkipException("there are no planned windows, so there is nothing to ship.")
        names = self._stream_names()
        delivery = self._delivery()
        gone = self._discard(context)
        if not delivery.enabled:
            done = f" Dead letters discarded: {gone['discarded']:,}." if gone else ""
            raise AirflowSkipException(f"{self.destination} is not enabled; its pending events wait.{done}")
        shipment = self._shipment = self._new_shipment(delivery)
        if self.replay:
            return self._replayed(shipment, range_from(params), context["dag_run"].run_id)
        again = None
        if self.windows is None and self.destination in (params.get("redrive") or ()):
            again = redrive_letters(shipment, has_source=bool(self.source))
        shipment.ship(names)
        if again is not None:
            shipment.fail_for_letters(again.set_aside, "refused again")
        shipment.fail_for_letters(shipment.take_untold(), "set aside")
        redriven = {} if again is None else {"redriven": again.taken}
        pending = sum(each.pending or 0 for each in shipment.shipped)
        return {**_result(shipment.counts), "pending": pending, **redriven, **gone}

    def _discard(self, context: Context) -> dict[str, int]:
        """Discard the dead letters that the run lists, and return how many.

        Nothing is sent, so this also works if the destination is not enabled.

        :raises AuditError: the form is not complete, or the spool or a record cannot be read or written.
        """
        params = context["params"]
        if self.by_window or self.replay or self.late or not (params.get("discard_from") or params.get("discard")):
            return {}
        run = context["dag_run"]
        # Airflow 3.1 does not say who has started a run.
        by = str(getattr(run, "triggering_user_name", None) or "")
        wanted = discard_from(params, self.destination, by=by, run=run.run_id)
        if wanted is None:
            return {}
        store = open_store(self.spool or spool_uri())
        count = discard_letters(self.ledger, store, self.pipeline, self.destination, wanted, log=self.log, now=self.now)
        return {"discarded": count}

    def _replayed(self, shipment: Shipment, wanted: TimeRange, run_id: str) -> dict[str, int]:
        total = shipment.replay(wanted, run_id)
        if total.set_aside:
            # The task fails and is not retried, so nothing will use these offsets.
            forget_replay(self.ledger, shipment.store, self.pipeline, [self.destination], run_id)
        shipment.fail_for_letters(total.set_aside, "set aside")
        return {"in_range": total.in_range, **_result(total), "filtered": total.filtered}

    def _stream_names(self) -> list[StreamName]:
        """Return the streams that are shipped, in this order."""
        if self.windows is not None:
            return [StreamName.of_window(self.pipeline, window_from(window)) for window in self.windows]
        if self.late:
            return [StreamName.of_reconciliation(self.pipeline)]
        own = [StreamName.of_findings(self.pipeline)] if self.findings else []
        own += [StreamName.of_evidence(self.pipeline)] if self.evidence else []
        return [StreamName(self.pipeline), *own]

    def _new_shipment(self, delivery: Delivery) -> Shipment:
        patience = Patience(
            self.destination, self.begun or self.now(), self.run_minutes, goes_on=self.by_window or self.replay
        )
        spool = self.spool or spool_uri()
        return Shipment(
            ledger=self.ledger,
            store=open_store(spool),
            pipeline=self.pipeline,
            destination=self.destination,
            connect=partial(self._connect_stream, delivery, patience),
            patience=patience,
            log=self.log,
            now=self.now,
            run_id=self.run_id,
            letters_at=f"{spool}/{self.pipeline}",
            letters_fail=self.dead_letters == "fail",
            configuration=configuration_of(delivery),
            receiver=cache(partial(connection_check, delivery.conn_id)),
            report=self._send_metrics,
        )

    def _connect_stream(
        self, delivery: Delivery, patience: Patience, position: Position | None
    ) -> tuple[Destination, Terms]:
        """Return the destination, ready to send the events of a stream, and the terms of shipping to it.

        :raises AuditError: its connection cannot be used, or the source is unknown.
        """
        origin = self._origin(position)
        destination = self.connect(delivery, origin, form_of(delivery, origin))
        takes_all = delivery.selection.takes_all
        return destination, Terms(
            sleep=self.sleep,
            now=self.now,
            too_old=self.too_old,
            deadline=patience.deadline,
            select=None if takes_all else Selector(delivery.selection, origin.fields).select,
            concurrency=delivery.concurrency,
        )

    def _send_metrics(self, shipped: Shipped) -> None:
        """Send the metrics of a run: events delivered in all streams, events pending in the live stream."""
        if shipped.position is None:
            return
        tags = {"pipeline": self.pipeline, "destination": self.destination, "source": shipped.position.source}
        signals.count("delivered", shipped.counts.delivered, tags)
        if not shipped.name.is_live:
            return
        if shipped.pending is not None:
            signals.gauge("pending", shipped.pending, tags)
        if shipped.account:
            signals.gauge("dead_letters", shipped.account.dead_letters, tags)

    def execute(self, context: Context) -> Any:
        """Ship once; emit an asset event if something was delivered."""
        result = super().execute(context)
        delivered = sum(result.get(key, 0) for key in ("delivered", "redriven"))
        tell_asset(self, context, self.asset, new=delivered > 0, extra=result)
        return result

    def page(self) -> str:
        """Return the page that shows what this run has shipped, or "" if its address is not known."""
        known = [each for each in self._shipped if each.position]
        if not known:
            return ""
        end = max((each.latest for each in known if each.latest), default=self.now())
        start = min((each.earliest for each in known if each.earliest), default=end - timedelta(days=1))
        if any(each.counts.restamped for each in known):
            # The destination shows events that were too old under their arrival time.
            end = self.now()
        times = Window(start, end + timedelta(seconds=1))
        return self.link(self._delivery(), self._origin(known[0].position), times)

    @classmethod
    def link(cls, delivery: Delivery, origin: Origin, times: Window) -> str:
        """Return the page that shows a destination's events, or "" if its address is not known.

        :param times: time range of the events to show.
        :raises AuditError: its connection cannot be used.
        """
        return str(cls.hook(delivery.conn_id).link(delivery.options, origin, times))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return OpenLineage's facets: from which streams to which address; None if its provider is not installed."""
        spool = self.spool or spool_uri()
        try:
            outputs = [self.endpoint(self._delivery())]
        except AuditError:
            outputs = []
        return openlineage([f"{spool.rstrip('/')}/{each.name.folder}" for each in self._shipped], outputs)

    @property
    def _shipped(self) -> Sequence[Shipped]:
        return self._shipment.shipped if self._shipment else ()

    def credential(self) -> str:
        """Return whose credential the task uses."""
        return (
            f"the destination {self.destination} of the pipeline {self.pipeline}, in the connection "
            f"{self._delivery().conn_id!r}"
        )

    def _delivery(self) -> Delivery:
        own = {name: getattr(self, name) for name in self.option_names}
        entry: dict[str, Any] = dict(self.options or {})
        entry |= {key: value for key, value in own.items() if value is not None}
        entry |= {"type": self.destination_type, "too_old": self.too_old, "dead_letters": self.dead_letters}
        if self.conn_id:
            entry["conn_id"] = self.conn_id
        return delivery_from(self.destination, entry, f"{self.pipeline}.destinations.{self.destination}")

    def _origin(self, position: Position | None) -> Origin:
        return origin_of(self.pipeline, self.source, position)


def _result(counts: ShipCounts) -> dict[str, int]:
    return {key: getattr(counts, key) for key in ("delivered", "already_there", "too_old", "dead_lettered")}
