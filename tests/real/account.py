"""What the product says of a shipment, what the server holds, and whether both agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from audit_provider.core.destinations.base import DeadLetter, Destination
from audit_provider.core.destinations.registry import ABOUT
from audit_provider.core.errors import AuditError
from audit_provider.core.model import Event, Offset
from audit_provider.core.shipping.ship import ship
from tests.real.adverse import NOW

_SHOWN = 8


@dataclass
class Shipment:
    """A stream of events on its way to one destination, over several runs.

    :ivar offset: how far it got. :ivar letters: what was set aside, by segment and index. :ivar errors: of each run,
        "" where it ended well.
    """

    events: Sequence[Event]
    offset: Offset = field(default_factory=Offset)
    letters: dict[tuple[int, int], DeadLetter] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def run(
        self, destination: Destination, *, sleep: Callable[[float], None] = lambda seconds: None, concurrency: int = 1
    ) -> Shipment:
        """Ship what is pending with the product's own loop; an error of the product's ends the run, as in a task."""
        segments = ((number, list(self.events)) for number in (1,) if number >= self.offset.segment)
        error = ""
        try:
            ship(
                destination,
                segments,
                self.offset,
                commit=self._commit,
                set_aside=self._set_aside,
                sleep=sleep,
                now=lambda: NOW,
                concurrency=concurrency,
            )
        except AuditError as failure:
            error = f"{type(failure).__name__}: {failure}"
        self.errors.append(error)
        return self

    def delivered(self) -> list[Event]:
        """Return the events that the account says the destination has."""
        done = {(1, index) for index in range(self._finished())}
        for each in self.offset.ahead:
            done |= {(each.segment, index) for index in range(each.index, each.index + each.count)}
        return [self.events[index] for segment, index in sorted(done - self.letters.keys())]

    @property
    def said(self) -> str:
        """The account, in a few words."""
        counts = self.offset.counts
        ahead = sum(each.count for each in self.offset.ahead)
        parts = {
            "delivered": counts.delivered,
            "already there": counts.already_there,
            "set aside": counts.dead_lettered,
            "too old": counts.too_old,
            "ahead": ahead,
            "pending": len(self.events) - counts.finished - ahead,
        }
        words = ", ".join(f"{name} {count}" for name, count in parts.items() if count)
        return f"{words or 'nothing'}{' (red)' if self.errors and self.errors[-1] else ''}"

    def _finished(self) -> int:
        return len(self.events) if self.offset.segment > 1 else self.offset.index

    def _commit(self, offset: Offset) -> None:
        self.offset = offset

    def _set_aside(self, letters: Sequence[DeadLetter]) -> None:
        self.letters |= {(letter.item.segment, letter.item.index): letter for letter in letters}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :ivar wrong: why it is not as it must be, "" where it is. :ivar drops: something is missing, as documented.
    """

    server: str
    version: str
    scenario: str
    said: str
    held: str
    wrong: str = ""
    notes: str = ""
    drops: bool = False


@dataclass(frozen=True)
class Drops:
    """Events that a server is known to drop although it says that it has them.

    :ivar receiver: as the destination's page names it. :ivar ids: of those events.
    """

    destination: str
    receiver: str
    ids: Collection[str]

    def __post_init__(self) -> None:
        if not any(self.receiver in named for named, _, _ in ABOUT[self.destination].losing):
            raise ValueError(f"the page of {self.destination} does not say what {self.receiver} drops")


@dataclass(frozen=True)
class Finding:
    """What a scenario found, without the server's name."""

    said: str
    held: str
    wrong: str = ""
    notes: str = ""
    drops: bool = False


def checked(destination: Destination, *, says: str, works: bool = True) -> Finding:
    """Ask a destination as the *Test* button does.

    :param says: words of its answer, or of its error. :param works: whether it must be an answer.
    """
    try:
        said, worked = destination.check(), True
    except AuditError as error:
        said, worked = str(error), False
    right = worked == works and says in said
    return Finding("works" if worked else "does not work", "-", "" if right else f"its test said {said!r}", notes=said)


def compare(
    shipment: Shipment,
    held: Iterable[Hashable],
    expected: Callable[[Event], Hashable],
    *,
    drops: Drops | None = None,
    ends: str = "well",
    takes: int | None = None,
    notes: str = "",
) -> Finding:
    """Compare what is delivered with what the server holds.

    :param held: one value per event that the server holds, repeats included. :param expected: that value, of an event.
    :param drops: what may be missing. :param ends: how the last run must end: ``well``, ``red``, or a part of its
        error's words. :param takes: events that must be delivered, where the number is known.
    """
    delivered = shipment.delivered()
    left = Counter(held)
    kinds = len(left)
    total = sum(left.values())
    wanted = Counter(expected(each) for each in delivered)
    missing = [each for each in delivered if not left[expected(each)] >= wanted[expected(each)]]
    allowed = set(drops.ids) if drops else set()
    unexplained = [each.id for each in missing if each.id not in allowed]
    wrong = []
    if unexplained:
        wrong.append(f"{len(unexplained)} delivered and not held: {_named(unexplained)}")
    last = shipment.errors[-1] if shipment.errors else ""
    if ends == "well" and last:
        wrong.append(f"ended with {last}")
    elif ends == "red" and not last:
        wrong.append("ended well")
    elif ends not in ("well", "red") and ends not in last:
        wrong.append(f"its error does not say {ends!r}: {last or 'there is none'}")
    if takes is not None and len(delivered) != takes:
        wrong.append(f"{len(delivered)} are delivered, not {takes}: {_reasons(shipment)}")
    dropped = f"drops, as documented: {_named([each.id for each in missing if each.id in allowed])}"
    words = [notes] if notes else []
    words += [dropped] if len(missing) > len(unexplained) else []
    words += [last] if last and not wrong else []
    return Finding(
        shipment.said,
        f"{len(delivered) - len(missing)} of {len(delivered)}, {total} in all"
        + (f", {kinds} different" * (kinds < total)),
        "; ".join(wrong),
        "; ".join(words),
        drops=len(missing) > len(unexplained),
    )


def table(rows: Sequence[Row], skipped: Mapping[str, str]) -> str:
    """Return the table, what was wrong, and what could not be had."""
    lines = ["| server | version | scenario | said | held | verdict |", "|---|---|---|---|---|---|"]
    for each in rows:
        verdict = "**WRONG**" if each.wrong else "drops, as its page says" if each.drops else "good"
        lines.append(f"| {each.server} | {each.version} | {each.scenario} | {each.said} | {each.held} | {verdict} |")
    lines += [f"| {name} | - | skipped | - | - | {reason} |" for name, reason in skipped.items()]
    notes = [f"{each.server}, {each.scenario}: {each.notes}" for each in rows if each.notes and not each.wrong]
    wrong = [f"WRONG {each.server}, {each.scenario}: {each.wrong}" for each in rows if each.wrong]
    return "\n".join([*lines, "", *notes, *wrong])


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(repr(each[:40]) for each in ids[:_SHOWN])
    return f"{shown}, …" if len(ids) > _SHOWN else shown


def _reasons(shipment: Shipment) -> str:
    return "; ".join(
        f"{each.item.event.id[:40]!r}: {each.reason[:160]}" for each in list(shipment.letters.values())[:_SHOWN]
    )
