"""The tasks that ship the spool to a destination: one operator per destination type, one way of shipping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException

from audit_provider.core.accounting import account, beginning, letters_of, table
from audit_provider.core.destinations.selection import Redaction, Selector
from audit_provider.core.destinations.ship import ship
from audit_provider.core.errors import AuditError, ConfigurationError, DeadLetteredError, StopError, WaitError
from audit_provider.core.model import Offset, Origin, ShipCounts, utc_now
from audit_provider.core.passage import Passage, is_at_end
from audit_provider.core.pipeline import Delivery, delivery_from, form_of, source_from
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.operators.pull import window_from
from audit_provider.operators.redrive import redrive_letters
from audit_provider.operators.replay import forget_replay, range_from, replay_streams
from audit_provider.operators.task import AuditLogsOperator, sleep_or_defer
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import OffsetVariable, PositionVariable, StreamName

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Store, Stream


class ShipAuditLogsOperator(AuditLogsOperator):
    """Ship everything a destination has not got yet.

    A destination that was down catches up in the next run by itself. Returns counts for XCom: ``delivered``,
    ``already_there``, ``too_old``, ``dead_lettered``, ``pending``.

    :param pipeline: name of the pipeline.
    :param destination: name of the destination in the pipeline; progress is kept under it. By default its type.
    :param conn_id: the destination's connection.
    :param options: further keys of the destination, as in the pipelines file; also ``format``, ``only``, ``except``,
        ``redact``, ``concurrency`` and ``enabled``.
    :param source: of the pipeline, for what its actions mean; by default the one that was read.
    :param windows: windows of a backfill to ship; None ships the live stream. With windows, the task is skipped where
        the run's ``destinations`` do not name this one.
    :param late: ship what a reconciliation has found late or missed, instead of the live stream.
    :param too_old: what to do with events that the destination would drop for their age: ``arrival_time`` ships them
        under the time of their arrival, ``dead_letter`` sets them aside.
    :param dead_letters: whether a run that had to set events aside ends ``fail``-ed or not (``succeed``).
    :param run_minutes: how long one task ships before it leaves the rest to the next run.
    :param spool: URI of the spool; by default ``[audit_logs] spool``.
    """

    destination_type: ClassVar[str]
    hook: ClassVar[type[Any] | None] = None
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
        late: bool = False,
        too_old: Literal["arrival_time", "dead_letter"] = "arrival_time",
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
        self.by_window = windows is not None
        self.late = late
        self.too_old = too_old
        self.dead_letters = dead_letters
        self.run_minutes = run_minutes
        self.spool = spool

    @classmethod
    def of_delivery(cls, delivery: Delivery, **arguments: Any) -> ShipAuditLogsOperator:
        """Return the task that serves a destination of the pipelines file.

        :param arguments: further arguments of the operator.
        """
        own = {name: getattr(delivery.options, name) for name in cls.option_names}
        rest = {
            each.name: value
            for each in fields(delivery.options)
            if each.name not in own and (value := getattr(delivery.options, each.name)) != each.default
        }
        common = {
            "except" if key == "omit" else key: asdict(value) if isinstance(value, Redaction) else value
            for key in ("enabled", "format", "ocsf_version", "concurrency", "only", "omit", "redact")
            if (value := getattr(delivery, key)) != _DEFAULTS[key]
        }
        return cls(
            destination=delivery.name,
            conn_id=delivery.conn_id,
            options={**rest, **common} or None,
            too_old=delivery.too_old,
            dead_letters=delivery.dead_letters,
            **own,
            **arguments,
        )

    def connect(self, delivery: Delivery, origin: Origin, form: Form) -> Destination:
        """Return the destination, ready to send.

        :param form: how its events look.
        :raises AuditError: its connection cannot be used.
        """
        if self.hook is None:
            raise NotImplementedError
        destination: Destination = self.hook(delivery.conn_id).destination(
            delivery.options, origin, form, sleep=sleep_or_defer
        )
        return destination

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return where a destination is, as it may be shown.

        :raises AuditError: its connection cannot be used.
        """
        if cls.hook is None:
            raise NotImplementedError
        shown: str = cls.hook(delivery.conn_id).shown_address()
        return shown

    def connect_stream(
        self, delivery: Delivery, position: Position | None
    ) -> tuple[Destination, Callable[[Event], Event | None] | None]:
        """Return the destination, ready to send, and what selects of each event what may leave the spool, if anything.

        :param position: of the stream that is shipped; None where it is gone.
        :raises AuditError: its connection cannot be used, or the source is unknown.
        """
        origin = self._origin(position)
        destination = self.connect(delivery, origin, form_of(delivery, origin))
        if delivery.selection.takes_all:
            return destination, None
        return destination, Selector(delivery.selection, origin.fields).select

    def work(self, context: Context) -> dict[str, int]:
        """Ship what is pending in the live stream, or in each window's.

        Where the run's ``redrive`` names this destination, its dead letters are sent again before. Where the run is a
        ``replay``, what the spool holds is sent again instead.
        """
        if self.by_window:
            chosen = context["params"].get("destinations")
            if chosen and self.destination not in chosen:
                raise AirflowSkipException(f"{self.destination} is not among the chosen destinations.")
            if self.windows is None:
                # The plan failed. What is not a window's is the incremental DAG's to ship.
                raise AirflowSkipException("there is no plan, so there is nothing to ship.")
        names = (
            [StreamName.of_reconciliation(self.pipeline) if self.late else StreamName(self.pipeline)]
            if self.windows is None
            else [StreamName.of_window(self.pipeline, window_from(window)) for window in self.windows]
        )
        delivery = self._delivery()
        if not delivery.enabled:
            raise AirflowSkipException(f"{self.destination} is not enabled; what is pending waits for it.")
        store = open_store(self.spool or spool_uri())
        params = context["params"]
        if params.get("replay"):
            return self._replayed(store, delivery, context)
        again = None
        if self.windows is None and self.destination in (params.get("redrive") or ()):
            again = redrive_letters(self, store, delivery)
        total, pending = ShipCounts(), 0
        for name in names:
            counts, left = self._ship(store, name, delivery)
            total, pending = total + counts, pending + left
        if again is not None:
            self._tell_set_aside(again, "were refused again and stay")
        self._tell_set_aside(total, "were set aside")
        redriven = {} if again is None else {"redriven": again.taken}
        return {**_result(total), "pending": pending, **redriven}

    def _replayed(self, store: Store, delivery: Delivery, context: Context) -> dict[str, int]:
        run_id = context["dag_run"].run_id
        total = replay_streams(self, store, delivery, range_from(context["params"]), run_id)
        if total.set_aside:
            # The task fails and is not tried again, so nothing would go on from these offsets.
            forget_replay(store, self.pipeline, [self.destination], run_id)
        self._tell_set_aside(total, "were set aside")
        return {"in_range": total.in_range, **_result(total), "filtered": total.filtered}

    def _tell_set_aside(self, counts: ShipCounts, what: str) -> None:
        """Fail where events are in the dead-letter folder that were not there, or not to be there, before."""
        if counts.set_aside and self.dead_letters == "fail":
            raise DeadLetteredError(
                f"{counts.set_aside} events {what} in the dead-letter folder of {self.destination} "
                f"({counts.dead_lettered} refused, {counts.too_old} too old); everything else is shipped."
            )

    def _delivery(self) -> Delivery:
        own = {name: getattr(self, name) for name in self.option_names}
        entry: dict[str, Any] = dict(self.options or {})
        entry |= {key: value for key, value in own.items() if value is not None}
        entry |= {"type": self.destination_type, "too_old": self.too_old, "dead_letters": self.dead_letters}
        if self.conn_id:
            entry["conn_id"] = self.conn_id
        return delivery_from(self.destination, entry, f"{self.pipeline}.destinations.{self.destination}")

    def _ship(self, store: Store, name: StreamName, delivery: Delivery) -> tuple[ShipCounts, int]:
        """Ship one stream; return the counts of this run and what is left."""
        position = PositionVariable(name).load()
        variable = OffsetVariable(name, self.destination)
        before = variable.load()
        if position is None:
            self.log.info("Nothing has been read into %s yet.", name.folder)
            return ShipCounts(), 0
        stream = name.stream(store, position)
        if before and before.chain != position.chain:
            self.log.warning("%s was begun anew, so %s begins anew as well.", name.folder, self.destination)
            before = None
        offset = before or beginning(stream, position)
        if not is_at_end(offset, position.head):
            offset = self._ship_pending(stream, position, offset, variable, delivery)
        elif offset.failures_in_a_row or before is None:
            offset = replace(offset, failures_in_a_row=0, last_error="")
            variable.commit(offset)
        accounted = account(stream, self.destination, position, offset)
        self.log.info("\n%s", table([accounted]))
        if not accounted.adds_up:
            raise StopError(f"the account of {self.destination} in {name.folder} does not add up: {accounted}.")
        return offset.counts - (before.counts if before else ShipCounts()), accounted.pending

    def _ship_pending(
        self, stream: Stream, position: Position, offset: Offset, variable: OffsetVariable, delivery: Delivery
    ) -> Offset:
        reached = offset
        kept = letters_of(stream, self.destination, offset)

        def commit(offset: Offset) -> None:
            nonlocal reached
            marked = passage.mark(offset)
            variable.commit(marked)
            reached = marked

        def set_aside(letters: Sequence[DeadLetter]) -> None:
            kept.keep(letters, utc_now())
            self.log.error("%d events set aside, the first: %s", len(letters), letters[0].reason)

        try:
            passage = Passage(stream, position.head, offset, tell=self.log.warning)
            reached = passage.offset
            destination, select = self.connect_stream(delivery, position)
            return ship(
                destination,
                stream.read(position.head, reached.segment),
                reached,
                commit=commit,
                set_aside=set_aside,
                too_old=self.too_old,
                sleep=sleep_or_defer,
                now=utc_now,
                deadline=utc_now() + timedelta(minutes=self.run_minutes),
                select=select,
                concurrency=delivery.concurrency,
            )
        except WaitError:
            raise
        except AuditError as error:
            failures = offset.failures_in_a_row + 1
            variable.commit(replace(reached, failures_in_a_row=failures, last_error=str(error)[:500]))
            raise

    def _origin(self, position: Position | None) -> Origin:
        spec = source_from(self.pipeline, self.source) if self.source else None
        if position is None:
            if spec is None:
                raise ConfigurationError(f"nothing tells the source of {self.pipeline}: give the task its 'source'.")
            return Origin(self.pipeline, spec.name, spec.fields, title=spec.title, actions=spec.actions)
        spec = spec or SOURCES.get(position.source)
        if spec is None:
            return Origin(self.pipeline, position.source, position.fields)
        return Origin(self.pipeline, position.source, position.fields, title=spec.title, actions=spec.actions)


_DEFAULTS: dict[str, Any] = {
    each.name: each.default_factory() if each.default_factory is not MISSING else each.default
    for each in fields(Delivery)
}


def _result(counts: ShipCounts) -> dict[str, int]:
    return {key: getattr(counts, key) for key in ("delivered", "already_there", "too_old", "dead_lettered")}
