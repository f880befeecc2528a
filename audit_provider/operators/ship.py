"""The tasks that ship the spool to a destination: one operator per destination type, one way of shipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
from airflow.providers.common.compat.sdk import AirflowSkipException

from audit_provider.core.accounting import account, table
from audit_provider.core.destinations.selection import Redaction, Selector
from audit_provider.core.destinations.ship import ship
from audit_provider.core.errors import AuditError, DeadLetteredError, StopError, WaitError
from audit_provider.core.model import Offset, Origin, ShipCounts, text_of, utc_now
from audit_provider.core.pipeline import Delivery, delivery_from, form_of, source_from
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.operators.pull import window_from
from audit_provider.operators.task import AuditLogsOperator, sleep_or_defer
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import OffsetVariable, PositionVariable, StreamName

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.formats import Form
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

    def work(self, context: Context) -> dict[str, int]:
        """Ship what is pending in the live stream, or in each window's."""
        if self.windows is not None:
            chosen = context["params"].get("destinations")
            if chosen and self.destination not in chosen:
                raise AirflowSkipException(f"{self.destination} is not among the chosen destinations.")
        names = (
            [StreamName(self.pipeline)]
            if self.windows is None
            else [StreamName.of_window(self.pipeline, window_from(window)) for window in self.windows]
        )
        delivery = self._delivery()
        if not delivery.enabled:
            raise AirflowSkipException(f"{self.destination} is not enabled; what is pending waits for it.")
        store = open_store(self.spool or spool_uri())
        total, pending = ShipCounts(), 0
        for name in names:
            counts, left = self._ship(store, name, delivery)
            total, pending = total + counts, pending + left
        set_aside = total.dead_lettered + (total.too_old if self.too_old == "dead_letter" else 0)
        if set_aside and self.dead_letters == "fail":
            raise DeadLetteredError(
                f"{set_aside} events were set aside in the dead-letter folder of {self.destination} "
                f"({total.dead_lettered} refused, {total.too_old} too old); everything else is shipped."
            )
        return {
            "delivered": total.delivered,
            "already_there": total.already_there,
            "too_old": total.too_old,
            "dead_lettered": total.dead_lettered,
            "pending": pending,
        }

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
        offset = before or self._beginning(stream, position)
        if offset.segment <= position.head.number:
            offset = self._ship_pending(stream, position, offset, variable, delivery)
        elif offset.failures_in_a_row or before is None:
            offset = replace(offset, failures_in_a_row=0, last_error="")
            variable.commit(offset)
        accounted = account(stream, self.destination, position, offset)
        self.log.info("\n%s", table([accounted]))
        if not accounted.adds_up:
            raise StopError(f"the account of {self.destination} in {name.folder} does not add up: {accounted}.")
        return _less(offset.counts, before.counts if before else ShipCounts()), accounted.pending

    def _ship_pending(
        self, stream: Stream, position: Position, offset: Offset, variable: OffsetVariable, delivery: Delivery
    ) -> Offset:
        reached = offset

        def commit(offset: Offset) -> None:
            nonlocal reached
            variable.commit(offset)
            reached = offset

        def set_aside(letters: Sequence[DeadLetter]) -> None:
            first = letters[0].item
            stream.set_aside(self.destination, f"{first.segment:012d}-{first.index:08d}.ndjson", _lines(letters))
            self.log.error("%d events set aside, the first: %s", len(letters), letters[0].reason)

        try:
            origin = self._origin(position)
            selector = None if delivery.selection.takes_all else Selector(delivery.selection, origin.fields)
            return ship(
                self.connect(delivery, origin, form_of(delivery, origin)),
                stream.read(position.head, offset.segment),
                offset,
                commit=commit,
                set_aside=set_aside,
                too_old=self.too_old,
                sleep=sleep_or_defer,
                now=utc_now,
                deadline=utc_now() + timedelta(minutes=self.run_minutes),
                select=selector.select if selector else None,
                concurrency=delivery.concurrency,
            )
        except WaitError:
            raise
        except AuditError as error:
            failures = offset.failures_in_a_row + 1
            variable.commit(replace(reached, failures_in_a_row=failures, last_error=str(error)[:500]))
            raise

    def _origin(self, position: Position) -> Origin:
        spec = source_from(self.pipeline, self.source) if self.source else SOURCES.get(position.source)
        if spec is None:
            return Origin(self.pipeline, position.source, position.fields)
        return Origin(self.pipeline, position.source, position.fields, title=spec.title, actions=spec.actions)

    def _beginning(self, stream: Stream, position: Position) -> Offset:
        """Return the offset of a destination that has none: the oldest segment kept."""
        oldest = stream.oldest()
        started_at = 0
        if oldest > 1:
            for manifest in stream.back_from(position.head):
                started_at = manifest.previous.total
        return Offset(segment=oldest, chain=position.chain, started_at=started_at)


_DEFAULTS: dict[str, Any] = {
    each.name: each.default_factory() if each.default_factory is not MISSING else each.default
    for each in fields(Delivery)
}


def _lines(letters: Sequence[DeadLetter]) -> bytes:
    """Return dead letters as NDJSON: the event untouched, and why it is here."""
    return msgspec.json.Encoder().encode_lines(
        [
            {
                "id": letter.item.event.id,
                "time": letter.item.event.time,
                "reason": letter.reason,
                "too_old": letter.too_old,
                **letter.facts,
                "segment": letter.item.segment,
                "index": letter.item.index,
                "set_aside_at": text_of(utc_now()),
                "event": letter.item.event.raw,
            }
            for letter in letters
        ]
    )


def _less(after: ShipCounts, before: ShipCounts) -> ShipCounts:
    return ShipCounts(
        after.delivered - before.delivered,
        after.already_there - before.already_there,
        after.too_old - before.too_old,
        after.dead_lettered - before.dead_lettered,
        after.filtered - before.filtered,
        after.restamped - before.restamped,
    )
