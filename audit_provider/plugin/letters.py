"""The open dead letters of a destination, as the page may show them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.model import Fields
from audit_provider.core.records.selection import Selection, Selector
from audit_provider.core.streams.open_stream import kept_letters
from audit_provider.host.settings import spool_uri
from audit_provider.host.spool_location import open_store
from audit_provider.state import Variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.streams.letter_files import Letter

MOST_LETTERS = 50
"""Dead letters per answer."""

MOST_REASONS = 10
"""Reasons that are counted separately."""

MOST_EVENT = 4000
"""Most characters of an event that are shown."""

_ANY = Fields(id="", time="")
"""Field names of no source: redaction here names values by their path."""


@dataclass(frozen=True, slots=True)
class LetterView:
    """A dead letter.

    :ivar answer: the destination's own words. :ivar event: the event's JSON, "" if it is not shown.
    """

    id: str
    time: datetime
    stream: str
    reason: str
    answer: str
    too_old: bool
    set_aside_at: datetime
    event: str = ""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """How many dead letters have one reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LettersView:
    """Open dead letters of a destination.

    :ivar letters: one page of the dead letters that the request asks for, beginning with number :ivar first: (from 0).
    :ivar more: whether there are further pages. :ivar matched: how many dead letters the request asks for, on all
        pages.
    :ivar total: how many are open. :ivar reasons: how many of these have which reason, the most frequent first; the
        remaining reasons are counted together under "".
    """

    letters: tuple[LetterView, ...]
    more: bool
    first: int = 0
    total: int = 0
    reasons: tuple[ReasonView, ...] = ()
    matched: int = 0


def open_letters(pipeline: str, delivery: Delivery, *, events: bool, first: int = 0, reason: str = "") -> LettersView:
    """Return the open dead letters of a destination, those of the live stream first.

    :param events: show the events themselves, redacted as the destination would get them.
    :param first: how many to skip. :param reason: only dead letters with this reason; "" for any.
    :raises AuditError: the spool cannot be read.
    """
    redacting = Selector(Selection(redact=delivery.redact), _ANY)
    shown: list[LetterView] = []
    reasons: Counter[str] = Counter()
    matched = 0
    for folder, letter in _letters(pipeline, delivery):
        reasons[letter.reason] += 1
        if reason and letter.reason != reason:
            continue
        if first <= matched < first + MOST_LETTERS:
            shown.append(_view(folder, letter, redacting if events else None))
        matched += 1
    named = [ReasonView(reason, count) for reason, count in reasons.most_common(MOST_REASONS)]
    rest = reasons.total() - sum(each.count for each in named)
    if rest:
        named.append(ReasonView("", rest))
    more = matched > first + len(shown)
    return LettersView(tuple(shown), more, first, reasons.total(), tuple(named), matched)


def _letters(pipeline: str, delivery: Delivery) -> Iterator[tuple[str, Letter]]:
    for kept in kept_letters(Variables(), open_store(spool_uri()), pipeline, delivery.name):
        for _, letter in kept.letters.open():
            yield kept.name.folder, letter


def _view(folder: str, letter: Letter, redacting: Selector | None) -> LetterView:
    """Return a dead letter as it is shown. :param redacting: redacts the event; None to leave the event out."""
    event = _shown(redacting, letter) if redacting else ""
    return LetterView(
        id=letter.id,
        time=letter.time,
        stream=folder,
        reason=letter.reason,
        answer=letter.answer,
        too_old=letter.too_old,
        set_aside_at=letter.set_aside_at,
        event=event if len(event) <= MOST_EVENT else f"{event[:MOST_EVENT]}…",
    )


def _shown(redacting: Selector, letter: Letter) -> str:
    try:
        event = redacting.select(letter.spooled)
    except UNREADABLE:
        # An event that cannot be parsed cannot be redacted.
        return ""
    return bytes(event.raw).decode(errors="replace") if event else ""
