"""One try of a shipment: its time limit, the events that it set aside, and what it did for each stream."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError, UnavailableError, WaitError
from audit_provider.core.model import ShipCounts, text_of
from audit_provider.core.shipping.packing import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import DeadLetter, Place
    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Record
    from audit_provider.core.ledger.stream_name import StreamName
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Manifest, Stream
    from audit_provider.core.streams.dead_letters import DeadLetters


class Patience:
    """How long a try may last, and whether the destination has accepted events during it.

    :ivar begun: when the try began. For a backfill, the time starts over after a wait if events were accepted before.
    :param minutes: how long it may last.
    :param goes_on: True if no later run ships the rest, as for a backfill; then there is no deadline.
    """

    def __init__(self, destination: str, begun: datetime, minutes: int, *, goes_on: bool) -> None:
        self.begun = begun
        self._destination = destination
        self._minutes = minutes
        self._goes_on = goes_on
        self._taken_at: datetime | None = None

    @property
    def deadline(self) -> datetime | None:
        """When a try leaves the rest to the next run; None if no later run would ship it."""
        return None if self._goes_on else self._end

    @property
    def has_taken(self) -> bool:
        """Whether the destination has accepted events in this try; for a backfill, since the last wait."""
        return self._taken_at is not None and self._taken_at >= self.begun

    def taken(self, at: datetime | None) -> None:
        """Note when the destination last accepted events, as its offset says."""
        self._taken_at = max(filter(None, (self._taken_at, at)), default=None)

    def outlasting(self, error: AuditError) -> AuditError:
        """Return the error to end with: the same one, or another one if it is a wait that would end after the try.

        No later run ships a backfill, so its time starts over after a wait if events were accepted before it.
        """
        if not isinstance(error, WaitError):
            return error
        if self._goes_on and self.has_taken:
            self.begun = error.until
        if error.until <= self._end:
            return error
        return UnavailableError(
            f"the destination {self._destination} asks for a pause until {text_of(error.until)}, which is beyond "
            f"the {self._minutes} minutes of this task (run_minutes); everything is kept, the next try goes on."
        )

    @property
    def _end(self) -> datetime:
        return self.begun + timedelta(minutes=self._minutes)


@dataclass(slots=True)
class Shipped:
    """What a run has done for one stream so far. It is updated during the run, so that it is known if the run fails.

    :ivar position: of the stream, None if nothing was read into it.
    :ivar counts: of this run. :ivar pending: events that the destination has not received; None if not known yet.
    :ivar record: of the offset. :ivar offset: at the end of the shipment; None until then.
    :ivar account: None until the stream was shipped without an error.
    :ivar earliest: time of the first, and :ivar latest: of the last event in the segments that were read.
    """

    name: StreamName
    position: Position | None = None
    counts: ShipCounts = field(default_factory=ShipCounts)
    pending: int | None = None
    record: Record[Offset] | None = None
    offset: Offset | None = None
    account: Account | None = None
    earliest: datetime | None = None
    latest: datetime | None = None

    def read(self, stream: Stream, manifests: Iterable[Manifest]) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield ``(number, events)`` of some segments, and note the times of their first and last event."""
        for manifest in manifests:
            self.earliest = min(self.earliest or manifest.first_time, manifest.first_time)
            self.latest = max(self.latest or manifest.last_time, manifest.last_time)
            yield manifest.number, stream.events(manifest)

    def take_untold(self) -> int:
        """Return how many events were set aside for which no task has failed yet, and note that this task does.

        They may come from a part of this try that ended in a wait, or from a try that failed for another reason.
        """
        if self.record is None or self.offset is None or not self.offset.untold:
            return 0
        self.record.commit(replace(self.offset, untold=0))
        return self.offset.untold


@dataclass(slots=True)
class Keeper:
    """Keeps refused events as dead letters, and logs it.

    :ivar last: digest of the last file of letters, for the offset.
    """

    letters: DeadLetters
    now: Callable[[], datetime]
    log: Log
    last: str = ""

    def set_aside(self, refused: Sequence[DeadLetter]) -> None:
        """Keep some, durably."""
        self.last = self.letters.keep(refused, self.now(), self.last)
        self.log.error("%d events set aside, the first: %s", len(refused), refused[0].reason)


@dataclass(slots=True)
class ReplayKeeper:
    """Keeps events that a replay could not deliver, unless they are open dead letters already, and logs it.

    No offset names its files, so it never replaces a file: a file that the destination's own offset names would be
    lost.

    :ivar letters: all dead letters of the destination in the chain.
    """

    letters: DeadLetters
    now: Callable[[], datetime]
    log: Log
    _open: set[tuple[Place, str]] | None = None

    def set_aside(self, refused: Sequence[DeadLetter]) -> None:
        """Keep some events durably. :raises AuditError: they cannot be kept."""
        if self._open is None:
            self._open = {(letter.place, letter.id) for _, letter in self.letters.open()}
        found = {(place_of(each), each.item.event.id): each for each in refused}
        if new := [each for key, each in found.items() if key not in self._open]:
            self.letters.keep(new, self.now(), replaces=False)
            self._open.update(found)
        self.log.error("%d events set aside, the first: %s", len(refused), refused[0].reason)
