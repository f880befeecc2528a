"""The ship loop: the one function that ships to every destination."""

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
"""Most batches of joined segments that are sent at the same time, because each is in memory with its segments."""

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
    """Ship a stream from ``offset`` on and return the offset reached.

    After every batch, the offset moves over all events that are finished without a hole, so a crash repeats at most the
    batches that were being sent. If an error ends the run, the offset also records the events taken beyond a hole. They
    are not sent again, and batches are sent one at a time until the offset has passed them.

    Refused events are set aside, but a destination that refuses everything must not turn the whole log into dead
    letters. So refusals in a row are counted, across batches and runs: once
    :data:`~audit_provider.core.shipping.refusals.TOO_MANY_REFUSED` events have been refused and none has been taken in
    between, no more of them are set aside. Events that were refused with a reason of their own count only if they have
    the same reason, apart from digits and quoted text. If the destination takes a later event of the batch, the
    refusals before it no longer count, so a series of bad events is passed if a good one follows in the batch. Events
    that are set aside without being sent do not count.

    :param segments: number and all events of each segment, ascending, from the offset's segment on.
    :param commit: records an offset, durably.
    :param set_aside: keeps dead letters, durably; called before the commit that moves over them.
    :param terms: how to ship to the destination. :param changes: fields of :class:`Terms` that differ from ``terms``;
        without ``terms``, all of its fields.
    :raises StopError: the destination refuses the sender, or every event. No event is set aside for that, everything is
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
                except Exception as error:  # noqa: BLE001 - raised again once the batches being sent are recorded
                    broken = error
            if lot is not None:
                run = LotRun(destination, lot, terms, last=last)
                flying.append((run, pool.submit(run.send)))
                del run  # so that a finished lot does not stay in memory while the next one is packed
            # Send one at a time until the offset has caught up, so that repeated failures do not add to ``ahead``.
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

    :param looks_ahead: pack each lot before the one in front of it is sent, to know which is the last. If False, no lot
        is marked as the last.
    """
    if not looks_ahead:
        for each in packed:
            yield each, False
            del each  # so that it and its segment do not stay in memory while the next lot is packed
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
    """Record the finished part of the first lot that is being sent, and return the offset after it.

    If an error ends the run, the events taken from the other lots are recorded too, because they must not be sent
    again.
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
    """Return the events taken beyond an offset: of the lots being sent, and of earlier runs beyond these lots."""
    place, behind = (offset.segment, offset.index), flying[-1][0].lot.after
    taken = chain.from_iterable(run.taken(place) for run, _ in flying)
    return ahead_of(chain(taken, (each for each in offset.ahead if place_of(each) >= behind)))


class _Here:
    """Stands in for a thread pool and runs each task immediately in this thread."""

    def submit(self, work: Callable[[], None]) -> Future[None]:
        done: Future[None] = Future()
        try:
            done.set_result(work())  # type: ignore[func-returns-value]
        except BaseException as error:  # noqa: BLE001 - the future raises it
            done.set_exception(error)
        return done
