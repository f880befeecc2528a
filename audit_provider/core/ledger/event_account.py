"""The accounting identity: a record read is spooled, a duplicate or set aside; each spooled event is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the events of one stream at one destination.

    ``read = spooled + duplicates + set_aside`` and
    ``spooled + again = before + delivered + already_there + too_old + dead_lettered + filtered + pending``.

    :ivar same_id: of the spooled, those whose id another record with different content already had.
    :ivar set_aside: records that could not be read, kept as dead letters of the source.
    :ivar outside: events that were served for a window of the past but belong to another window.
    :ivar recorded_within: of those read, events that happened outside of the window, but belong to it because they were
        recorded within it.
    :ivar before: events that were in the stream before the destination was added and are no longer kept.
    :ivar restamped: of the delivered, those that were sent with the current time, because the destination would have
        dropped them for their age (not a term of the sum).
    :ivar again: events that are shipped twice, because the segments of a late writer replaced theirs; 0 unless two runs
        wrote the same position.
    :ivar redriven: of the events set aside, those that a redrive delivered later.
    :ivar left_out: those that the destination's settings left out of the redrive. :ivar discarded: those that a person
        discarded. :ivar dead_letters: those still open. All of them stay counted in ``too_old`` and ``dead_lettered``.
    :ivar failures_in_a_row: of the destination's runs. :ivar last_error: of its last one, "" if it ended well.
    """

    stream: str
    destination: str
    read: int
    spooled: int
    duplicates: int
    before: int
    delivered: int
    already_there: int
    too_old: int
    dead_lettered: int
    pending: int
    filtered: int = 0
    restamped: int = 0
    redriven: int = 0
    left_out: int = 0
    discarded: int = 0
    dead_letters: int = 0
    again: int = 0
    failures_in_a_row: int = 0
    last_error: str = ""
    same_id: int = 0
    set_aside: int = 0
    outside: int = 0
    recorded_within: int = 0

    @property
    def arrived(self) -> int:
        """How many events the destination has in all, including those that a redrive delivered."""
        return self.delivered + self.already_there + self.redriven

    @property
    def adds_up(self) -> bool:
        """Whether both halves of the identity hold."""
        finished = self.delivered + self.already_there + self.too_old + self.dead_lettered + self.filtered
        return (
            self.read == self.spooled + self.duplicates + self.set_aside
            and self.spooled + self.again == self.before + finished + self.pending
            and self.pending >= 0
        )


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """Numbers of dead letters: ``kept = redriven + filtered + discarded + open``.

    :ivar redriven: the destination took them later. :ivar filtered: left out of a redrive, because the destination's
        ``only`` and ``except`` had changed. :ivar discarded: a person decided not to send them.
    """

    kept: int = 0
    redriven: int = 0
    filtered: int = 0
    discarded: int = 0

    def __add__(self, other: LetterCounts) -> LetterCounts:
        return LetterCounts(
            self.kept + other.kept,
            self.redriven + other.redriven,
            self.filtered + other.filtered,
            self.discarded + other.discarded,
        )

    @property
    def open(self) -> int:
        """Letters that are neither redriven nor filtered nor discarded."""
        return self.kept - self.redriven - self.filtered - self.discarded


_COLUMNS = (
    ("stream", "stream"),
    ("destination", "destination"),
    ("read", "read"),
    ("spooled", "spooled"),
    ("duplicates", "duplicates"),
    ("same_id", "same id"),
    ("set_aside", "set aside"),
    ("outside", "outside"),
    ("recorded_within", "recorded within"),
    ("before", "before"),
    ("again", "again"),
    ("delivered", "delivered"),
    ("already_there", "already there"),
    ("restamped", "with current time"),
    ("too_old", "too old"),
    ("dead_lettered", "dead-lettered"),
    ("filtered", "filtered"),
    ("pending", "pending"),
    ("redriven", "redriven"),
    ("arrived", "arrived in all"),
    ("left_out", "left out of a redrive"),
    ("discarded", "discarded"),
    ("dead_letters", "dead letters open"),
)
_RARE = ("same_id", "set_aside", "outside", "recorded_within", "before", "again", "restamped", "left_out", "discarded")


def table(accounts: Iterable[Account]) -> str:
    """Return accounts as a text table; a column of ``_RARE`` is shown only if one of its values is not 0."""
    accounts = list(accounts)
    shown = {each: any(getattr(one, each) for one in accounts) for each in _RARE}
    # Without a redrive, it equals what was delivered.
    shown["arrived"] = any(one.redriven for one in accounts)
    columns = [each for each in _COLUMNS if shown.get(each[0], True)]
    rows: list[Sequence[str]] = [[title for _, title in columns]]
    for each in accounts:
        values = [getattr(each, name) for name, _ in columns]
        rows.append([f"{value:,}" if isinstance(value, int) else value for value in values])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a text table: the first is the head, the first two columns are names, the others numbers."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
