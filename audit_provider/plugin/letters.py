"""The open dead letters of a destination, as they may be shown."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from audit_provider.core.open_stream import kept_letters
from audit_provider.plugin.views import LettersView, LetterView
from audit_provider.settings import spool_uri
from audit_provider.spool_location import open_store
from audit_provider.state import Variables

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LETTERS = 200
"""Letters that one answer lists."""

MOST_EVENT = 4000
"""Characters of an event that are shown."""


def open_letters(pipeline: str, destination: str, *, events: bool) -> LettersView:
    """Return the open dead letters of a destination, those of the live stream first.

    :param events: show the events themselves.
    :raises AuditError: the spool cannot be read.
    """
    found = list(islice(_letters(pipeline, destination, events=events), MOST_LETTERS + 1))
    return LettersView(tuple(found[:MOST_LETTERS]), more=len(found) > MOST_LETTERS)


def _letters(pipeline: str, destination: str, *, events: bool) -> Iterator[LetterView]:
    for kept in kept_letters(Variables(), open_store(spool_uri()), pipeline, destination):
        for _, letter in kept.letters.open():
            event = bytes(letter.event).decode(errors="replace") if events else ""
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
