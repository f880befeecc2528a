"""A shipment: one task ships streams to one destination, and continues where an earlier try ended."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, DeadLetteredError, StopError, WaitError
from audit_provider.core.ledger.event_account import table
from audit_provider.core.ledger.health import ERROR_LENGTH, outages_after
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import ShipCounts
from audit_provider.core.progress import ShipProgress, grouped
from audit_provider.core.runs.attempt import Keeper, ReplayKeeper, Shipped
from audit_provider.core.runs.configurations import keep_change
from audit_provider.core.runs.overlapping_streams import (
    DeliveredWindows,
    receiver_digest,
    refuse_lacking,
    windows_within,
)
from audit_provider.core.shipping.sending_again import Replayed, TimeRange, account_of, replay, replay_table
from audit_provider.core.shipping.ship import ship
from audit_provider.core.streams.accounting import account, beginning, letters_of
from audit_provider.core.streams.dead_letters import DeadLetters
from audit_provider.core.streams.offset_in_chain import Passage, is_at_end
from audit_provider.core.streams.open_stream import open_streams, opened_for
from audit_provider.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger, Record
    from audit_provider.core.model import Offset
    from audit_provider.core.progress import Log
    from audit_provider.core.runs.attempt import Patience
    from audit_provider.core.shipping.terms import Terms
    from audit_provider.core.spool import Store, Stream
    from audit_provider.core.streams.open_stream import OpenStream


@dataclass
class Shipment:
    """One run of one destination.

    :ivar connect: returns the destination, ready to send a stream's events, and the terms of shipping; called with the
        stream's position, None if that was deleted.
    :ivar patience: how long it may last. :ivar run_id: of the DAG run, "" if there is none.
    :ivar letters_at: where people find dead letters. :ivar letters_fail: whether a run that set events aside fails.
    :ivar configuration: of the destination, see :mod:`~audit_provider.core.runs.configurations`; "" if not known.
    :ivar receiver: returns the check value of the destination's connection; "" if not known.
    :ivar report: called with the result of each stream, also after a failure.
    :ivar shipped: the result of each stream.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    destination: str
    connect: Callable[[Position | None], tuple[Destination, Terms]]
    patience: Patience
    log: Log
    now: Callable[[], datetime]
    run_id: str = ""
    letters_at: str = ""
    letters_fail: bool = True
    configuration: str = ""
    receiver: Callable[[], str] = lambda: ""
    report: Callable[[Shipped], None] = lambda _: None
    shipped: list[Shipped] = field(default_factory=list)

    @property
    def counts(self) -> ShipCounts:
        """The sum over all streams."""
        return sum((each.counts for each in self.shipped), ShipCounts())

    def ship(self, names: Iterable[StreamName]) -> None:
        """Ship the pending events of some streams, one stream after another, and account for them.

        :raises StopError: an account does not add up.
        :raises AuditError: it cannot continue. What was done before is recorded.
        """
        self.shipped = [Shipped(name) for name in names]
        try:
            for each in self.shipped:
                self._ship_stream(each)
            self._ship_windows_within()
        finally:
            self._account()
        refuse_lacking(self.ledger, self.store, [each.name for each in self.shipped], self.destination, self.log)

    def replay(self, wanted: TimeRange, run_id: str) -> ShipCounts:
        """Send the events of a time range again, stream by stream, and return what became of them.

        A retry continues where the previous try ended, by offsets that belong to this run alone and that
        :func:`forget_replay` removes when the run succeeds. The destination's own offsets are neither read nor written.

        :raises AuditError: it cannot continue. Everything is kept.
        """
        accounts = [
            self._replay_stream(opened, wanted, run_id)
            for opened in open_streams(self.ledger, self.store, self.pipeline)
            if opened.head.number and opened.is_meant_for(self.destination)
        ]
        self.log.info("Replay of %s.\n%s", wanted, replay_table(accounts))
        wrong = [each for each in accounts if not each.adds_up or each.pending]
        if wrong:
            raise StopError(
                f"the account of the replay of {wrong[0].stream} to {wrong[0].destination} does not add up: {wrong[0]}."
            )
        return sum((each.counts for each in accounts), ShipCounts())

    def fail_for_letters(self, count: int, what: str) -> None:
        """Fail if events became dead letters, or stayed dead letters although they were sent again.

        :param count: number of these events. :param what: what happened to them, for the message.
        :raises DeadLetteredError: there are such events, and the destination's ``dead_letters`` does not let the run
            succeed.
        """
        if not count or not self.letters_fail:
            return
        events = "1 event was" if count == 1 else f"{count} events were"
        raise DeadLetteredError(
            f"{events} {what} and kept as dead letters of {self.destination}, each with its reason (refused, or "
            f"too old), under {self.letters_at}; nothing else was held up: correct "
            f"what they name, and run the incremental DAG with 'redrive' to send them again."
        )

    def take_untold(self) -> int:
        """Return how many events were set aside for which no task has failed yet, and note that this task does."""
        return sum(each.take_untold() for each in self.shipped)

    def _ship_windows_within(self) -> None:
        """Ship windows that lie within the shipped ones, if they hold events that the shipped ones left out.

        :raises AuditError: it cannot continue. What was done before is recorded.
        """
        names = [each.name for each in self.shipped]
        for name in windows_within(self.ledger, self.store, names, self.destination):
            self.log.info(
                "%s holds events of this time range that %s lacks: they are shipped as well.",
                name.folder,
                self.destination,
            )
            self.shipped.append(each := Shipped(name))
            self._ship_stream(each)

    def _ship_stream(self, shipped: Shipped) -> None:
        """Ship one stream, and note the result in ``shipped``.

        :raises AuditError: it cannot continue. What was done before is recorded.
        """
        opened = opened_for(self.ledger, self.store, shipped.name, [self.destination])
        shipped.position = opened.position if opened else None
        record = shipped.record = offset_record(self.ledger, shipped.name, self.destination)
        before = record.load()
        if opened is None:
            self.log.info("Nothing has been read into %s yet.", shipped.name.folder)
            return
        oldest = opened.stream.oldest()
        if lost := opened.lost_head(oldest):
            raise StopError(lost[0].upper() + lost[1:])
        stream = opened.stream
        if self.configuration:
            keep_change(
                self.ledger,
                self.store,
                shipped.name,
                self.destination,
                before,
                self.configuration,
                now=self.now(),
                run_id=self.run_id,
                version=__version__,
                log=self.log,
            )
        if before and not opened.of_chain(before):
            self.log.warning("%s was started over, so %s starts over as well.", shipped.name.folder, self.destination)
            begun = beginning(stream, opened.position)
            offset = replace(begun, earlier=before.begun_anew(), outages=before.outages)
            before = None
        else:
            offset = before or beginning(stream, opened.position)
        is_known = not self.configuration or offset.configuration == self.configuration
        if not is_known:
            offset = replace(offset, configuration=self.configuration)
        if not is_at_end(offset, opened.head):
            with grouped(self.log, f"Shipping {shipped.name.folder} to {self.destination}"):
                offset = self._ship_pending(opened, stream, oldest, shipped, record, offset, is_new=before is None)
        elif offset.failures_in_a_row or before is None or not is_known:
            outages = outages_after(offset, self.now())
            offset = replace(offset, failures_in_a_row=0, last_error="", failing_since=None, outages=outages)
            record.commit(offset)
        shipped.offset = offset
        shipped.account = account(stream, self.destination, opened.position, offset)
        shipped.pending = shipped.account.pending

    def _ship_pending(
        self,
        opened: OpenStream,
        stream: Stream,
        oldest: int,
        shipped: Shipped,
        record: Record[Offset],
        offset: Offset,
        *,
        is_new: bool,
    ) -> Offset:
        position = opened.position
        offset_before = reached = offset
        outages = offset.outages
        self.patience.taken(offset.last_success)

        def commit(offset: Offset) -> None:
            nonlocal reached, outages
            if reached.failures_in_a_row and not offset.failures_in_a_row:
                outages = outages_after(reached, self.now(), total)
            untold = offset_before.untold + (offset.counts - offset_before.counts).set_aside
            marked = replace(passage.mark(offset), untold=untold, letters=keeper.last, outages=outages)
            record.commit(marked)
            reached = marked
            self.patience.taken(marked.last_success)
            shipped.counts = marked.counts - offset_before.counts
            shipped.pending = total - shipped.counts.finished
            progress.reached(shipped.counts.finished, self.now())

        try:
            keeper = Keeper(letters_of(stream, self.destination, offset), self.now, self.log, offset.letters)
            passage = Passage(stream, position.head, offset, tell=self.log.warning, oldest=oldest)
            reached = passage.offset
            shipped.pending = total = position.pending(reached)
            progress = ShipProgress(self.log.info, begun=self.now(), total=total)
            for own, last in position.by_source(reached.segment):
                destination, terms = self.connect(own)
                if opened.name.is_backfill:
                    current = self._delivered_to()
                    has_none = not (reached.counts.finished or reached.ahead)
                    is_same = has_none or reached.delivered_to == current
                    reached = replace(reached, delivered_to=current if is_same else "")
                if destination.limits.whole_segments and reached.joins_segments is None:
                    # A shipment that an earlier version has begun continues as it was.
                    reached = replace(reached, joins_segments=is_new and _joins_segments(opened))
                    commit(reached)
                with closing(self._delivered_windows(own, destination)) as windows:
                    ship(
                        destination,
                        shipped.read(stream, windows.followed(passage.manifests(last))),
                        reached,
                        commit=commit,
                        set_aside=keeper.set_aside,
                        terms=replace(terms, received=windows.indexes) if opened.name.is_live else terms,
                    )
                if reached.segment <= last:
                    break
            return reached
        except AuditError as error:
            failure = self.patience.outlasting(error)
            if isinstance(failure, WaitError):
                raise
            if failure is not error and self.patience.has_taken:
                self.log.info("%s That is longer than this run may last.", error)
                return reached
            # All tries of one run count as one failure.
            same = bool(offset.failures_in_a_row and self.run_id) and offset.failed_run == self.run_id
            failed = replace(
                reached,
                failures_in_a_row=offset.failures_in_a_row + (not same),
                failed_run=self.run_id,
                failing_since=offset.failing_since or self.now(),
                outages=offset.outages,
            )
            record.commit(replace(failed, last_error=str(failure)[:ERROR_LENGTH]))
            if failure is not error:
                raise failure from None
            raise

    def _delivered_to(self) -> str:
        return receiver_digest(self.configuration, self.receiver() if self.configuration else "")

    def _delivered_windows(self, own: Position, destination: Destination) -> DeliveredWindows:
        return DeliveredWindows(
            self.ledger,
            self.store,
            self.pipeline,
            own,
            self.destination,
            self._delivered_to,
            destination.limits.whole_segments,
            self.now,
            self.log,
        )

    def _replay_stream(self, opened: OpenStream, wanted: TimeRange, run_id: str) -> Replayed:
        stream, position = opened.stream, opened.position
        record = offset_record(self.ledger, opened.name, self.destination, replay=run_id)
        offset = opened.of_chain(record.load())
        if offset is None:
            own = opened.kept_offset(self.destination)
            joins = bool(own.joins_segments) if own else _joins_segments(opened)
            offset = replace(beginning(stream, position), joins_segments=joins)

        def commit(reached: Offset) -> None:
            record.commit(reached)
            self.patience.taken(reached.last_success)

        # Includes letters after the destination's own offset, or a retry would keep the same letters again.
        letters = DeadLetters(stream, self.destination, None, opened.offset(self.destination))
        keeper = ReplayKeeper(letters, self.now, self.log)
        for of_source, last in position.by_source(offset.segment):
            destination, terms = self.connect(of_source)
            offset = replay(
                destination,
                stream,
                position,
                offset,
                wanted,
                commit=commit,
                set_aside=keeper.set_aside,
                terms=terms,
                last=last,
            )
        return account_of(stream, self.destination, position, offset, wanted)

    def _account(self) -> None:
        """Log the accounts, and report the results.

        :raises StopError: an account does not add up.
        """
        accounts = [each.account for each in self.shipped if each.account]
        if accounts:
            self.log.info("\n%s", table(accounts))
        for each in self.shipped:
            self.report(each)
        wrong = [each for each in accounts if not each.adds_up]
        if wrong:
            raise StopError(f"the account of {wrong[0].destination} in {wrong[0].stream} does not add up: {wrong[0]}.")


def forget_replay(ledger: Ledger, store: Store, pipeline: str, destinations: Iterable[str], run_id: str) -> None:
    """Delete the offsets of a replay that has ended."""
    for name in StreamName.all_in(store, pipeline):
        for destination in destinations:
            offset_record(ledger, name, destination, replay=run_id).delete()


def _joins_segments(opened: OpenStream) -> bool:
    """Whether a stream's files may span several segments: only for a window that was read to its end."""
    return opened.name.is_backfill and opened.position.complete
