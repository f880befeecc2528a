"""Sends one lot until the outcome of each event is known: the one place that retries, halves and sets aside."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

from audit_provider.core.destinations.base import Batch, DeadLetter, Filtered, Item, Outcome, Received, Verdict
from audit_provider.core.destinations.marked_event import marked_item
from audit_provider.core.errors import (
    HungUpError,
    MaybeStoredError,
    ProtocolError,
    RetryError,
    StopError,
    UnavailableError,
    WaitError,
)
from audit_provider.core.model import Ahead, ShipCounts
from audit_provider.core.shipping.packing import place_of
from audit_provider.core.shipping.refusals import TOO_MANY_REFUSED, HangUps, Refusals
from audit_provider.core.wire.http import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import Destination, Place
    from audit_provider.core.model import Offset
    from audit_provider.core.shipping.packing import Entry, Lot
    from audit_provider.core.shipping.terms import Terms

MOST_STORED_AGAIN = 2
"""Failed runs in a row after which a batch that may be stored is set aside; by then it was sent three times."""

Fate = Literal["delivered", "already_there", "set_aside"]


@dataclass(frozen=True, slots=True)
class Passed:
    """The part of a lot that is finished without a hole.

    :ivar offset: after it. :ivar letters: to be kept before the offset is recorded.
    :ivar refused: why the rest must not be set aside, although it was refused; None if there is no such rest.
    """

    offset: Offset
    letters: Sequence[DeadLetter] = ()
    refused: StopError | None = None


class LotRun:
    """One lot that is being sent, with the outcome of each entry as far as it is known.

    :param terms: how to ship to the destination. :param last: no other lot follows in this run.
    """

    def __init__(self, destination: Destination, lot: Lot, terms: Terms, *, last: bool = False) -> None:
        self.lot = lot
        self.slow_down = False
        self._destination = destination
        self._terms = terms
        self._listen_long = last
        self._items = lot.batch.items
        self._fates: list[Fate | None] = [None] * len(self._items)
        self._letters: dict[int, DeadLetter] = {}
        self._of_batch: set[int] = set()
        self._maybe_stored: tuple[list[int], MaybeStoredError] | None = None
        self._hang_ups = HangUps(len(self._items), terms.tries)
        self._stored_in_part: set[int] = set()

    def send(self) -> None:
        """Send until the outcome of every item is known.

        If the first events that were sent alone are refused, one event of each waiting group is sent next. If none of
        these is taken either, the groups are not halved further, because every event would be refused.

        A batch on which the destination hangs up is also halved, after some tries. A single event on which it hangs up
        is set aside only if the destination takes another event afterwards; otherwise the destination is at fault.

        :raises StopError: the destination refuses the sender, or each of these events.
        :raises RetryError: it does not answer, or asks for a long pause.
        """
        waiting: deque[list[int]] = deque([list(range(len(self._items)))] if self._items else [])
        failures, most_alone = 0, TOO_MANY_REFUSED
        while waiting:
            if len(self._of_batch) >= most_alone and not self._terms.refused_before and not _any_taken(self._fates):
                if most_alone > TOO_MANY_REFUSED:
                    raise _refused(len(self._of_batch), self._letters[max(self._of_batch)].reason)
                most_alone += len(waiting)
                waiting = deque([[g[-1]] for g in waiting] + [g[:-1] for g in waiting if len(g) > 1])
            group = waiting.popleft()
            try:
                outcome = self._outcome(group)
            except MaybeStoredError as error:
                self._maybe_stored = group, error
                return
            if outcome.hung_up:
                self._after_hang_up(group, outcome.said, waiting)
                continue
            open_, halve = self._judge(group, outcome)
            failures = failures + 1 if len(open_) == len(group) and not halve else 0
            if halve:
                middle = len(open_) // 2
                waiting.extendleft([half for half in (open_[middle:], open_[:middle]) if half])
            elif open_:
                if failures >= self._terms.tries:
                    raise _unavailable(failures, outcome.said)
                waiting.appendleft(open_)
            if open_ and not halve:
                self._terms.sleep(backoff(max(failures, 1)) if outcome.wait is None else outcome.wait)
            self.slow_down = self.slow_down or outcome.slow_down

    def passed(self, offset: Offset, now: Callable[[], datetime]) -> Passed:
        """Return the part of the lot that is finished without a hole, and the offset after it.

        :param offset: where the lot begins.
        :raises StopError: the counts do not add up.
        """
        if self._maybe_stored:
            self._set_aside_stored(offset.failures_in_a_row)
        if self._all_taken:
            end, refusals, refused = len(self.lot.entries), Refusals(), None
        else:
            end, refusals, refused = self._end(Refusals(offset.refused_in_a_row, offset.refused_alike))
            refused = self._maybe_stored[1] if self._maybe_stored and refused is None else refused
        whole = end == len(self.lot.entries)
        # If an object is named by its content, the next batch must not begin inside this one: its name would differ.
        if not end or (self._destination.limits.whole_segments and not whole):
            return Passed(offset, refused=refused)
        counts, letters, passed = self._counted(end)
        if counts.finished != passed:
            raise StopError(
                f"{passed} events were processed but {counts.finished} are accounted for: please report this."
            )
        # Events that the destination received with another stream do not show that it works now.
        sent = counts.taken - (0 if self._all_taken else _received(self.lot.entries[:end]))
        too_old = _times_of_too_old(offset, letters)
        place = self.lot.after if whole else place_of(self.lot.entries[end])
        offset = replace(
            offset,
            segment=place[0],
            index=place[1],
            counts=offset.counts + counts,
            last_success=now() if sent else offset.last_success,
            failures_in_a_row=0,
            last_error="",
            failing_since=None,
            too_old_from=min(too_old, default=None),
            too_old_to=max(too_old, default=None),
            ahead=tuple(each for each in offset.ahead if place_of(each) >= place),
            refused_in_a_row=refusals.count,
            refused_alike=refusals.alike,
        )
        return Passed(offset, [replace(letter, batch=self.lot.bounds) for letter in letters], refused)

    def taken(self, after: Place) -> Iterator[tuple[Item, bool] | Ahead]:
        """Yield the events of this lot, from a place on, that the destination has and a later run need not send."""
        fates = iter(self._fates)
        # If an object is named by its content, a batch without some of its events would be another object.
        whole = all(fate in ("delivered", "already_there") for fate in self._fates)
        may_be_left_out = whole or not self._destination.limits.whole_segments
        for entry in self.lot.entries:
            fate = next(fates) if isinstance(entry, Item) else None
            if place_of(entry) < after:
                continue
            if isinstance(entry, Ahead):
                yield entry
            elif isinstance(entry, Item) and fate in ("delivered", "already_there") and may_be_left_out:
                yield entry, fate == "already_there"

    @property
    def _all_taken(self) -> bool:
        """Whether the lot holds only items, and the destination has all of them, as it nearly always does."""
        only_items = 0 < len(self._items) == len(self.lot.entries)
        return only_items and not self._letters and None not in self._fates

    def _outcome(self, group: list[int]) -> Outcome:
        whole = len(group) == len(self._items)
        items = self._items if whole else tuple([self._items[place] for place in group])
        try:
            outcome = self._destination.send(Batch(items, self._listen_long))
        except WaitError:
            raise
        except RetryError as error:
            hung_up = isinstance(error, HungUpError)
            return Outcome.all(Verdict.RETRY, len(group), said=str(error), hung_up=hung_up)
        if len(outcome.verdicts) != len(group):
            raise ProtocolError(
                f"{len(group)} events were sent and {len(outcome.verdicts)} judged: please report this."
            )
        return outcome

    def _after_hang_up(self, group: list[int], said: str, waiting: deque[list[int]]) -> None:
        """Queue a group on which the destination hung up again, whole or halved, or set it aside.

        :raises UnavailableError: the destination hangs up on everything.
        """
        step = self._hang_ups.after(group)
        self._listen_long = bool(self._destination.limits.unconfirmed)
        if step == "set aside":
            (place,) = group
            self._fates[place] = "set_aside"
            self._of_batch.add(place)
            self._letters[place] = DeadLetter(
                self._items[place], f"the receiver closes the connection on it: {said}", answer=said
            )
        elif step == "halve":
            middle = len(group) // 2
            waiting.extendleft((group[middle:], group[:middle]))
        elif step == "again":
            waiting.appendleft(group)
            self._terms.sleep(backoff(self._hang_ups.in_a_row))
        else:
            waiting.append(group)
            if self._hang_ups.are_too_many or all(self._hang_ups.is_suspect(each) for each in waiting):
                self._hear_witness(said)
            elif not self._hang_ups.has_taken:
                # Send one event of each waiting group, or a long series of such events would look like an outage.
                whole, parts = list(waiting), [each for each in waiting if len(each) > 1]
                waiting.clear()
                waiting.extend([each[-1]] for each in whole if not self._hang_ups.is_suspect(each))
                waiting.extend(each[:-1] for each in parts)
                waiting.extend(each for each in whole if self._hang_ups.is_suspect(each))

    def _set_aside_stored(self, failures: int) -> None:
        """Set aside events that may be stored, once enough runs have failed for a person to have noticed.

        :param failures: failed runs in a row before this one.
        """
        if self._maybe_stored is None or failures < MOST_STORED_AGAIN:
            return
        group, error = self._maybe_stored
        for place in group:
            self._fates[place] = "set_aside"
            self._stored_in_part.add(place)
            self._letters[place] = DeadLetter(self._items[place], f"possibly stored: {error}", answer=str(error))

    def _hear_witness(self, said: str) -> None:
        """Send an event that a working destination takes: one that it has taken before, or one marked as a test.

        :raises UnavailableError: it has not taken such an event so often that this is an outage.
        """
        taken = next((place for place, fate in enumerate(self._fates) if fate == "delivered"), None)
        witness = marked_item(self._destination, self._terms.now()) if taken is None else self._items[taken]
        try:
            verdict = self._destination.send(Batch((witness,), self._listen_long)).verdicts[0]
        except WaitError:
            raise
        except RetryError:
            verdict = Verdict.RETRY
        if verdict in (Verdict.DELIVERED, Verdict.ALREADY_THERE):
            self._hang_ups.taken()
            return
        self._hang_ups.in_a_row += 1
        if self._hang_ups.in_a_row >= self._terms.tries:
            raise _unavailable(self._hang_ups.in_a_row, said)
        self._terms.sleep(backoff(self._hang_ups.in_a_row))

    def _judge(self, group: list[int], outcome: Outcome) -> tuple[list[int], bool]:
        """Record the verdicts; return the events that are still open, and whether they must be halved."""
        open_: list[int] = []
        halve = False
        if Verdict.DELIVERED in outcome.verdicts or Verdict.ALREADY_THERE in outcome.verdicts:
            self._hang_ups.taken()
        if outcome.verdicts.count(Verdict.DELIVERED) == len(group):
            for place in group:
                self._fates[place] = "delivered"
            return open_, halve
        for number, (place, verdict) in enumerate(zip(group, outcome.verdicts, strict=True)):
            if verdict is Verdict.DELIVERED:
                self._fates[place] = "delivered"
            elif verdict is Verdict.ALREADY_THERE:
                self._fates[place] = "already_there"
            elif verdict is Verdict.REFUSED or (verdict is Verdict.SPLIT and len(group) == 1):
                self._fates[place] = "set_aside"
                said = outcome.reasons.get(number) or outcome.said
                reason = said or "refused without a reason"
                if verdict is Verdict.SPLIT:
                    self._of_batch.add(place)
                if outcome.stored_in_part:
                    self._stored_in_part.add(place)
                    reason = (
                        f"possibly stored: the destination refused a part of the batch without saying which; {said}"
                    )
                self._letters[place] = DeadLetter(self._items[place], reason, answer=said)
            else:
                halve = halve or verdict is Verdict.SPLIT
                open_.append(place)
        return open_, halve

    def _end(self, refusals: Refusals) -> tuple[int, Refusals, StopError | None]:
        """Return the index of the entry before which the finished part ends, and the refusals in a row up to there.

        The finished part ends before a series of refusals that is too long, unless a later event of the lot was taken.
        The next lot then begins with that series. If an event of that lot is taken, the refused events were at fault
        after all.

        :param refusals: in a row before this lot.
        """
        sent, begun, before = 0, -1, refusals
        end = len(self.lot.entries)
        for number, entry in enumerate(self.lot.entries):
            if not isinstance(entry, Item):
                continue
            fate = self._fates[sent]
            if fate is None:
                end = number
                break
            if fate != "set_aside" or sent in self._stored_in_part or self._terms.refused_before:
                begun, refusals = -1, Refusals()
            else:
                reason = self._letters[sent].reason
                more = refusals.with_batch() if sent in self._of_batch else refusals.with_event(reason)
                if begun < 0 or more.count == 1:
                    begun, before = number, refusals
                refusals = more
            sent += 1
        if begun < 0 or not refusals.are_too_many or _any_taken(self._fates[sent:]):
            return end, refusals, None
        return begun, before, _refused(refusals.count, self._letters[sent - 1].reason)

    def _counted(self, end: int) -> tuple[ShipCounts, list[DeadLetter], int]:
        """Return counts and dead letters of the entries before ``end``, and the number of their events."""
        if self._all_taken:
            delivered, already_there = self._fates.count("delivered"), self._fates.count("already_there")
            restamped = sum([item.restamped for item in self._items])
            return ShipCounts(delivered, already_there, restamped=restamped), [], end
        counts = dict.fromkeys((each.name for each in fields(ShipCounts)), 0)
        letters: list[DeadLetter] = []
        sent = passed = 0
        for entry in self.lot.entries[:end]:
            letter: DeadLetter | None = None
            if isinstance(entry, Filtered):
                counts["outside" if entry.outside else "filtered"] += 1
            elif isinstance(entry, Received):
                counts["already_there"] += 1
            elif isinstance(entry, Ahead):
                counts["already_there" if entry.already_there else "delivered"] += entry.count
                counts["restamped"] += entry.count * entry.restamped
            elif isinstance(entry, Item):
                fate, letter = self._fates[sent], self._letters.get(sent)
                sent += 1
                if fate in ("delivered", "already_there"):
                    counts[fate] += 1
                    counts["restamped"] += entry.restamped
            else:
                letter = entry
            if letter is not None:
                counts["too_old" if letter.too_old else "dead_lettered"] += 1
                letters.append(letter)
            passed += entry.count if isinstance(entry, Ahead) else 1
        return ShipCounts(**counts), letters, passed


def _times_of_too_old(offset: Offset, letters: Sequence[DeadLetter]) -> list[datetime]:
    """Return the times of events that were too old; of earlier lots, only the earliest and the latest time."""
    before = [each for each in (offset.too_old_from, offset.too_old_to) if each]
    return before + [letter.item.event.time for letter in letters if letter.too_old]


def _received(entries: Sequence[Entry]) -> int:
    return sum(isinstance(entry, Received) for entry in entries)


def _any_taken(fates: Sequence[Fate | None]) -> bool:
    return "delivered" in fates or "already_there" in fates


def _refused(count: int, said: str) -> StopError:
    return StopError(
        f"the destination refused every one of {count} events in a row{_quoted(said)}: check its settings; no event of "
        "this batch was set aside, and everything is kept."
    )


def _unavailable(failures: int, said: str) -> UnavailableError:
    return UnavailableError(
        f"the destination accepted nothing in {failures} tries in a row{_quoted(said)}; everything is kept, and the "
        "next run continues."
    )


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""
