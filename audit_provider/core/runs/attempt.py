"""One try of a shipment: how long it may last, what it has set aside, and what it has done for each stream."""

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

    from audit_provider.core.accounting import Account
    from audit_provider.core.destinations.base import DeadLetter, Place
    from audit_provider.core.ledger import Record
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.position import Position
    from audit_provider.core.progress import Log
    from audit_provider.core.shipping.dead_letters import DeadLetters
    from audit_provider.core.spool import Manifest, Stream
    from audit_provider.core.stream_name import StreamName


class Patience:
    """How long a try may last, and whether the destination has taken something in it.

    :ivar begun: when the try began; a backfill's time starts over with each wait before which something was taken.
    :param minutes: that it may last. :param goes_on: whether no later run ships what is left, as for a backfill: it has
        no deadline then.
    """

    def __init__(self, destination: str, begun: datetime, minutes: int, *, goes_on: bool) -> None:
        self.begun = begun
        self._destination = destination
        self._minutes = minutes
        self._goes_on = goes_on
        self._taken_at: datetime | None = None

    @property
    def deadline(self) -> datetime | None:
        """When a try leaves the rest to the next run; None where no next run would ship it."""
        return None if self._goes_on else self._end

    @property
    def has_taken(self) -> bool:
        """Whether the destination has taken something in this try; of a backfill, since the last wait."""
        return self._taken_at is not None and self._taken_at >= self.begun

    def taken(self, at: datetime | None) -> None:
        """Note when the destination has taken something, as an offset says."""
        self._taken_at = max(filter(None, (self._taken_at, at)), default=None)

    def outlasting(self, error: AuditError) -> AuditError:
        """Return the error to end with: the same, or another where it is a wait that would end after the try.

        A backfill is shipped by no later run, so its time starts over with each wait before which something was taken.
        """
        if not isinstance(error, WaitError):
            return error
        if self._goes_on and self.has_taken:
            self.begun = error.until
        if error.until <= self._end:
            return error
        return UnavailableError(
            f"the destination {self._destination} asks to be left alone until {text_of(error.until)}, which is beyond "
            f"the {self._minutes} minutes of this task (run_minutes); everything is kept, the next try goes on."
        )

    @property
    def _end(self) -> datetime:
        return self.begun + timedelta(minutes=self._minutes)


@dataclass(slots=True)
class Shipped:
    """What a run has done for one stream so far; it is kept while the run goes on, so that it is known if that fails.

    :ivar position: of the stream, None where nothing was read into it.
    :ivar counts: of this run. :ivar pending: events that the destination has not got; None where nobody knows yet.
    :ivar record: of the offset. :ivar offset: where it ended; None while it goes on.
    :ivar account: None until the stream's shipping has ended well.
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
        """Yield ``(number, events)`` of some segments, and note when the events happened."""
        for manifest in manifests:
            self.earliest = min(self.earliest or manifest.first_time, manifest.first_time)
            self.latest = max(self.latest or manifest.last_time, manifest.last_time)
            yield manifest.number, stream.events(manifest)

    def take_untold(self) -> int:
        """Return how many events were set aside that no task has ended failed for, and note that this one does.

        They may be of a part of this try that ended in a wait, or of a try that failed for another reason.
        """
        if self.record is None or self.offset is None or not self.offset.untold:
            return 0
        self.record.commit(replace(self.offset, untold=0))
        return self.offset.untold


@dataclass(slots=True)
class Keeper:
    """Keeps refused events, and says so. :ivar last: digest of the last file of letters, for the offset."""

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
    """Keeps events that were refused in a replay, unless they are open dead letters already, and says so.

    No offset names what it keeps, so it replaces no file: one that the destination's own offset leads to would be lost.

    :ivar letters: of the destination, all that are in the chain.
    """

    letters: DeadLetters
    now: Callable[[], datetime]
    log: Log
    _open: set[tuple[Place, str]] | None = None

    def set_aside(self, refused: Sequence[DeadLetter]) -> None:
        """Keep some, durably. :raises AuditError: they cannot be kept."""
        if self._open is None:
            self._open = {(letter.place, letter.id) for _, letter in self.letters.open()}
        found = {(place_of(each), each.item.event.id): each for each in refused}
        if new := [each for key, each in found.items() if key not in self._open]:
            self.letters.keep(new, self.now(), replaces=False)
            self._open.update(found)
        self.log.error("%d events set aside, the first: %s", len(refused), refused[0].reason)
