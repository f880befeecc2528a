"""The ship loop: every destination is served by these lines.

Retrying, halving, setting aside, ageing and accounting are written here, once.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal

from audit_provider.core.destinations.base import Batch, DeadLetter, Filtered, Item, Outcome, Verdict
from audit_provider.core.destinations.packing import lots
from audit_provider.core.errors import ProtocolError, RetryError, StopError, UnavailableError, WaitError
from audit_provider.core.http import backoff
from audit_provider.core.model import ShipCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.destinations.packing import Lot
    from audit_provider.core.model import Event, Offset

Fate = Literal["delivered", "already_there", "set_aside"]

SLOW_DOWN = 2.0
"""Seconds of pause when a destination says that it is near its capacity."""

TOO_MANY_REFUSED = 10
"""A batch that had to be halved down to this many refused events, with none taken, is refused for its sender's sake."""


def ship(
    destination: Destination,
    segments: Iterable[tuple[int, Sequence[Event]]],
    offset: Offset,
    *,
    commit: Callable[[Offset], None],
    set_aside: Callable[[Sequence[DeadLetter]], None],
    too_old: Literal["arrival_time", "dead_letter"] = "arrival_time",
    sleep: Callable[[float], None],
    now: Callable[[], datetime],
    tries: int = 5,
    deadline: datetime | None = None,
    select: Callable[[Event], Event | None] | None = None,
    within: Callable[[Event], bool] | None = None,
    concurrency: int = 1,
    refused_before: bool = False,
) -> Offset:
    """Ship a stream on from ``offset`` and return the offset reached.

    The offset moves over the contiguous finished prefix, after every batch; so a crash repeats one batch at most.

    :param segments: number and all events of each segment, ascending, from the offset's segment on.
    :param commit: records an offset, durably.
    :param set_aside: keeps dead letters, durably; called before the commit that moves over them.
    :param too_old: what to do with events over ``limits.max_age``.
    :param tries: sends in a row without any progress that end the run.
    :param deadline: stop between batches once it has passed; the rest stays pending.
    :param select: returns an event as it may leave the spool, or None where it may not; those are counted.
    :param within: whether an event lies in the range that is shipped; those outside are counted and passed over.
    :param refused_before: the events are dead letters, so a batch of which none is taken says nothing of the sender.
    :param concurrency: batches on their way at once. The offset still moves in order, so a crash may repeat so many.
    :raises StopError: the destination refuses the sender. Nothing is set aside for that, everything is kept.
    :raises RetryError: the destination does not answer or asks for a long pause. Everything is kept.
    """
    packed = lots(
        destination,
        segments,
        (offset.segment, offset.index),
        restamp=too_old == "arrival_time",
        now=now,
        select=select,
        within=within,
    )
    flying: deque[tuple[_LotRun, Future[None]]] = deque()
    with ThreadPoolExecutor(concurrency) if concurrency > 1 else nullcontext(_Here()) as pool:
        while True:
            late = deadline is not None and now() >= deadline
            lot = None if late else next(packed, None)
            if lot is not None:
                run = _LotRun(destination, lot, sleep, tries, refused_before=refused_before)
                flying.append((run, pool.submit(run.send)))
            if flying and (lot is None or len(flying) >= concurrency):
                run, sent = flying.popleft()
                try:
                    sent.result()
                finally:
                    # Also when an error ends the run: what is finished must not be sent again.
                    offset = run.settle(offset, commit, set_aside, now)
                if run.slow_down:
                    sleep(SLOW_DOWN)
            elif lot is None:
                return offset


class _Here:
    """Runs at once what a pool would run elsewhere."""

    def submit(self, work: Callable[[], None]) -> Future[None]:
        done: Future[None] = Future()
        try:
            done.set_result(work())  # type: ignore[func-returns-value]
        except BaseException as error:  # noqa: BLE001 - handed on as it is
            done.set_exception(error)
        return done


class _LotRun:
    """One lot on its way: the fate of each entry, as far as it is known."""

    def __init__(
        self,
        destination: Destination,
        lot: Lot,
        sleep: Callable[[float], None],
        tries: int,
        *,
        refused_before: bool,
    ) -> None:
        self._destination = destination
        self._lot = lot
        self._sleep = sleep
        self._tries = tries
        self._refused_before = refused_before
        self._items = lot.batch.items
        self._fates: list[Fate | None] = [None] * len(self._items)
        self._letters: dict[int, DeadLetter] = {}
        self._isolated = 0
        self.slow_down = False

    def send(self) -> None:
        """Send until every item has a fate."""
        waiting: deque[list[int]] = deque([list(range(len(self._items)))] if self._items else [])
        failures = 0
        while waiting:
            group = waiting.popleft()
            outcome = self._outcome(group)
            open_, halve = self._judge(group, outcome)
            failures = failures + 1 if len(open_) == len(group) and not halve else 0
            if halve:
                middle = len(open_) // 2
                waiting.extendleft([half for half in (open_[middle:], open_[:middle]) if half])
            elif open_:
                if failures >= self._tries:
                    raise UnavailableError(
                        f"the destination took nothing in {failures} tries in a row{_quoted(outcome.said)}; "
                        f"everything is kept, the next run goes on."
                    )
                waiting.appendleft(open_)
            if open_ and not halve:
                self._sleep(backoff(max(failures, 1)) if outcome.wait is None else outcome.wait)
            self.slow_down = self.slow_down or outcome.slow_down
        if not self._refused_before:
            self._refuse_to_empty_the_log()

    def settle(
        self,
        offset: Offset,
        commit: Callable[[Offset], None],
        set_aside: Callable[[Sequence[DeadLetter]], None],
        now: Callable[[], datetime],
    ) -> Offset:
        """Record the contiguous finished prefix; return the offset after it."""
        counts, letters, passed, place = self._prefix()
        # Where content names the object, part of a batch would begin the next one elsewhere: another content and name.
        whole = passed == len(self._lot.entries)
        if not passed or (self._destination.limits.whole_segments and not whole):
            return offset
        if counts.finished != passed:
            raise StopError(
                f"{passed} events were passed over but {counts.finished} are accounted for: please report this."
            )
        if letters:
            set_aside([replace(letter, batch=self._lot.bounds) for letter in letters])
        too_old = _times_of_too_old(offset, letters)
        offset = replace(
            offset,
            segment=place[0],
            index=place[1],
            counts=offset.counts + counts,
            last_success=now() if counts.delivered or counts.already_there else offset.last_success,
            failures_in_a_row=0,
            last_error="",
            too_old_from=min(too_old, default=None),
            too_old_to=max(too_old, default=None),
        )
        commit(offset)
        return offset

    def _outcome(self, group: list[int]) -> Outcome:
        try:
            outcome = self._destination.send(Batch(tuple(self._items[place] for place in group)))
        except WaitError:
            raise
        except RetryError as error:
            return Outcome.all(Verdict.RETRY, len(group), said=str(error))
        if len(outcome.verdicts) != len(group):
            raise ProtocolError(
                f"{len(group)} events were sent and {len(outcome.verdicts)} judged: please report this."
            )
        return outcome

    def _judge(self, group: list[int], outcome: Outcome) -> tuple[list[int], bool]:
        """Take in the verdicts; return what is still open, and whether it must be halved."""
        open_: list[int] = []
        halve = False
        for number, (place, verdict) in enumerate(zip(group, outcome.verdicts, strict=True)):
            if verdict is Verdict.DELIVERED:
                self._fates[place] = "delivered"
            elif verdict is Verdict.ALREADY_THERE:
                self._fates[place] = "already_there"
            elif verdict is Verdict.REFUSED or (verdict is Verdict.SPLIT and len(group) == 1):
                self._fates[place] = "set_aside"
                self._isolated += verdict is Verdict.SPLIT
                said = outcome.reasons.get(number) or outcome.said
                self._letters[place] = DeadLetter(self._items[place], said or "refused without a word", answer=said)
            else:
                halve = halve or verdict is Verdict.SPLIT
                open_.append(place)
        return open_, halve

    def _refuse_to_empty_the_log(self) -> None:
        """Stop where a destination refuses every single event and names no culprit: that is no fault of the events."""
        if self._isolated >= TOO_MANY_REFUSED and len(self._letters) == len(self._items):
            said = next(iter(self._letters.values())).reason
            self._fates = [None] * len(self._items)
            raise StopError(
                f"the destination refused every one of {len(self._items)} events{_quoted(said)}: check its settings; "
                f"nothing was set aside and everything is kept."
            )

    def _prefix(self) -> tuple[ShipCounts, list[DeadLetter], int, tuple[int, int]]:
        """Return what is finished without a hole: counts, dead letters, entries, and the place after them."""
        counts = dict.fromkeys((each.name for each in fields(ShipCounts)), 0)
        letters: list[DeadLetter] = []
        sent = passed = 0
        place = self._lot.after
        for entry in self._lot.entries:
            letter: DeadLetter | None = None
            if isinstance(entry, Filtered):
                counts["outside" if entry.outside else "filtered"] += 1
            elif isinstance(entry, Item):
                fate, letter = self._fates[sent], self._letters.get(sent)
                if fate is None:
                    place = (entry.segment, entry.index)
                    break
                sent += 1
                if fate != "set_aside":
                    counts[fate] += 1
                    counts["restamped"] += entry.restamped
            else:
                letter = entry
            if letter is not None:
                counts["too_old" if letter.too_old else "dead_lettered"] += 1
                letters.append(letter)
            passed += 1
        return ShipCounts(**counts), letters, passed, place


def _times_of_too_old(offset: Offset, letters: Sequence[DeadLetter]) -> list[datetime]:
    """Return the times of what was too old, of all that was so before only the earliest and the latest."""
    before = [each for each in (offset.too_old_from, offset.too_old_to) if each]
    return before + [letter.item.event.time for letter in letters if letter.too_old]


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""
