"""The open dead letters of a destination, as they may be shown."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from audit_provider.core.destinations.selection import Selection, Selector
from audit_provider.core.errors import UNREADABLE
from audit_provider.core.model import Fields
from audit_provider.core.open_stream import kept_letters
from audit_provider.plugin.views import LettersView, LetterView
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import Variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.dead_letters import Letter
    from audit_provider.core.delivery import Delivery

MOST_LETTERS = 200
"""Letters that one answer lists."""

MOST_EVENT = 4000
"""Characters of an event that are shown."""

_ANY = Fields(id="", time="")
"""Of records of any source: what is redacted is named by its path."""


def open_letters(pipeline: str, delivery: Delivery, *, events: bool) -> LettersView:
    """Return the open dead letters of a destination, those of the live stream first.

    :param events: show the events themselves, redacted as the destination would get them.
    :raises AuditError: the spool cannot be read.
    """
    found = list(islice(_letters(pipeline, delivery, events=events), MOST_LETTERS + 1))
    return LettersView(tuple(found[:MOST_LETTERS]), more=len(found) > MOST_LETTERS)


def _letters(pipeline: str, delivery: Delivery, *, events: bool) -> Iterator[LetterView]:
    for kept in kept_letters(Variables(), open_store(spool_uri()), pipeline, delivery.name):
        redacting = Selector(Selection(redact=delivery.redact), _ANY)
        for _, letter in kept.letters.open():
            event = _shown(redacting, letter) if events else ""
            yield LetterView(
                id=letter.id,
                time=letter.time,
                stream=kept.name.folder,
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
        # What cannot be read cannot be redacted.
        return ""
    return bytes(event.raw).decode(errors="replace") if event else ""
