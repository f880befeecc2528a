"""The ship loop: every destination is served by these lines."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

from audit_provider.core.destinations.ahead import ahead_of
from audit_provider.core.destinations.lot_run import LotRun
from audit_provider.core.destinations.packing import lots, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.destinations.packing import Lot
    from audit_provider.core.model import Ahead, Event, Offset

_Flying = tuple[LotRun, Future[None]]

MOST_JOINED_AT_ONCE = 2
"""Batches of joined segments on their way at once: each is in memory, with its segments."""

SLOW_DOWN = 2.0
"""Seconds of pause when a destination says that it is near its capacity."""


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

    The offset moves over the contiguous finished prefix, after every batch; so a crash repeats one batch at most. Where
    an error ends the run, what was taken beyond that prefix is recorded in the offset too, and is not sent again; one
    batch goes at a time until the offset has passed it.

    Refused events are set aside, but a destination that refuses everything must not empty the log into the dead-letter
    folder. So refusals are counted in a row, over batches and over runs: once
    :data:`~audit_provider.core.destinations.refusals.TOO_MANY_REFUSED` events have been refused and none taken in
    between, no more of them are set aside. Events with verdicts of their own count where they share one reason, digits
    and quoted text aside. What a batch has taken behind them clears all of them, so that a run of bad events passes
    where its batch ends with a good one. Events that are set aside without being sent do not count.

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
    :raises StopError: the destination refuses the sender, or every event. Nothing is set aside for that, everything is
        kept.
    :raises RetryError: the destination does not answer or asks for a long pause. Everything is kept.
    """
    if offset.joins_segments:
        concurrency = min(concurrency, MOST_JOINED_AT_ONCE)
    packed = lots(
        destination,
        segments,
        (offset.segment, offset.index),
        restamp=too_old == "arrival_time",
        now=now,
        select=select,
        within=within,
        ahead=offset.ahead,
        join_segments=bool(offset.joins_segments),
    )
    flying: deque[_Flying] = deque()
    broken: Exception | None = None
    with ThreadPoolExecutor(concurrency) if concurrency > 1 else nullcontext(_Here()) as pool:
        while True:
            lot: Lot | None = None
            if deadline is None or now() < deadline:
                try:
                    lot = next(packed, None)
                except Exception as error:  # noqa: BLE001 - raised again once what is on its way is recorded
                    broken = error
            if lot is not None:
                run = LotRun(destination, lot, sleep, tries, refused_before=refused_before)
                flying.append((run, pool.submit(run.send)))
                del run  # or what is done would stay in memory while the next lot is packed
            # One at a time until the offset has caught up, so that no more lies ahead than one failure has left there.
            if flying and (lot is None or offset.ahead or len(flying) >= concurrency):
                offset = _settle(flying, offset, commit, set_aside, now)
                if flying.popleft()[0].slow_down:
                    sleep(SLOW_DOWN)
            elif broken is not None:
                raise broken
            elif lot is None:
                return offset


def _settle(
    flying: Sequence[_Flying],
    offset: Offset,
    commit: Callable[[Offset], None],
    set_aside: Callable[[Sequence[DeadLetter]], None],
    now: Callable[[], datetime],
) -> Offset:
    """Record what is finished of the first lot on its way, and return the offset after it.

    Also where an error ends the run, and then of the others too: what is taken must not be sent again.
    """
    run, sent = flying[0]
    error = sent.exception()
    passed = run.passed(offset, now)
    error = error or passed.refused
    after = passed.offset
    if passed.letters:
        try:
            set_aside(passed.letters)
        except Exception as failure:  # noqa: BLE001 - raised again below
            error, after = failure, offset
    if error is not None:
        wait([others for _, others in flying])
        after = replace(after, ahead=_ahead(flying, after))
    if after != offset:
        commit(after)
    if error is not None:
        raise error
    return after


def _ahead(flying: Sequence[_Flying], offset: Offset) -> tuple[Ahead, ...]:
    """Return what is taken beyond an offset: of the lots on their way, and what earlier runs left behind those."""
    place, behind = (offset.segment, offset.index), flying[-1][0].lot.after
    taken = chain.from_iterable(run.taken(place) for run, _ in flying)
    return ahead_of(chain(taken, (each for each in offset.ahead if place_of(each) >= behind)))


class _Here:
    """Runs at once what a pool would run elsewhere."""

    def submit(self, work: Callable[[], None]) -> Future[None]:
        done: Future[None] = Future()
        try:
            done.set_result(work())  # type: ignore[func-returns-value]
        except BaseException as error:  # noqa: BLE001 - handed on as it is
            done.set_exception(error)
        return done
