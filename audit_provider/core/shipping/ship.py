"""The ship loop: every destination is served by these lines."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from audit_provider.core.shipping.packing import ahead_of, packed, place_of
from audit_provider.core.shipping.sending import LotRun
from audit_provider.core.shipping.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_provider.core.destinations.base import DeadLetter, Destination
    from audit_provider.core.model import Ahead, Event, Offset
    from audit_provider.core.shipping.packing import Lot

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
    terms: Terms | None = None,
    **changes: Any,
) -> Offset:
    """Ship a stream on from ``offset`` and return the offset reached.

    The offset moves over the contiguous finished prefix, after every batch; so a crash repeats one batch at most. Where
    an error ends the run, what was taken beyond that prefix is recorded in the offset too, and is not sent again; one
    batch goes at a time until the offset has passed it.

    Refused events are set aside, but a destination that refuses everything must not empty the log into the dead-letter
    folder. So refusals are counted in a row, over batches and over runs: once
    :data:`~audit_provider.core.shipping.refusals.TOO_MANY_REFUSED` events have been refused and none taken in
    between, no more of them are set aside. Events with verdicts of their own count where they share one reason, digits
    and quoted text aside. What a batch has taken behind them clears all of them, so that a run of bad events passes
    where its batch ends with a good one. Events that are set aside without being sent do not count.

    :param segments: number and all events of each segment, ascending, from the offset's segment on.
    :param commit: records an offset, durably.
    :param set_aside: keeps dead letters, durably; called before the commit that moves over them.
    :param terms: how the destination is served. :param changes: fields of :class:`Terms` that differ from ``terms``, or
        all of them in its place.
    :raises StopError: the destination refuses the sender, or every event. Nothing is set aside for that, everything is
        kept.
    :raises RetryError: the destination does not answer or asks for a long pause. Everything is kept.
    """
    terms = replace(terms, **changes) if terms else Terms(**changes)
    concurrency = min(terms.concurrency, MOST_JOINED_AT_ONCE) if offset.joins_segments else terms.concurrency
    lots = _with_last(packed(destination, segments, offset, terms), looks_ahead=bool(destination.limits.unconfirmed))
    flying: deque[_Flying] = deque()
    broken: Exception | None = None
    with ThreadPoolExecutor(concurrency) if concurrency > 1 else nullcontext(_Here()) as pool:
        while True:
            lot: Lot | None = None
            last = False
            if not terms.is_over:
                try:
                    lot, last = next(lots, (None, False))
                except Exception as error:  # noqa: BLE001 - raised again once what is on its way is recorded
                    broken = error
            if lot is not None:
                run = LotRun(destination, lot, terms, last=last)
                flying.append((run, pool.submit(run.send)))
                del run  # or what is done would stay in memory while the next lot is packed
            # One at a time until the offset has caught up, so that no more lies ahead than one failure has left there.
            if flying and (lot is None or offset.ahead or len(flying) >= concurrency):
                offset = _settle(flying, offset, commit, set_aside, terms.now)
                if flying.popleft()[0].slow_down:
                    terms.sleep(SLOW_DOWN)
            elif broken is not None:
                raise broken
            elif lot is None:
                return offset


def _with_last(packed: Iterator[Lot], *, looks_ahead: bool) -> Iterator[tuple[Lot, bool]]:
    """Yield each lot, and whether it is the last.

    :param looks_ahead: pack a lot before the one in front of it is sent, which alone can tell. Else none is the last.
    """
    if not looks_ahead:
        for each in packed:
            yield each, False
            del each  # or it and its segment would stay in memory while the next lot is packed
        return
    lot = next(packed, None)
    while lot is not None:
        try:
            after = next(packed, None)
        except Exception:
            yield lot, True
            raise
        yield lot, after is None
        lot = after


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
