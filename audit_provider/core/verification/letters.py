"""Dead letters, and records of those that were sent again, read again: whether a file says what its name says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.dead_letters import LETTERS, RECORD, Letter, RedriveRecord
from audit_provider.core.errors import UNREADABLE
from audit_provider.core.verification.segments import Flaw, FlawError, fetch

if TYPE_CHECKING:
    from audit_provider.core.spool import Store


def read_letters(store: Store, folder: str, name: str) -> list[Letter]:
    """Return the letters of a file.

    Its name tells how many there are and where their events stand. The words of a destination are vouched for by
    nothing.

    :raises FlawError: it is not what was written.
    """
    told = LETTERS.fullmatch(name)
    if told is None:
        raise FlawError(Flaw("foreign", name, "is no file of dead letters"))
    try:
        found = _decode_letters(fetch(store, folder, name))
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as dead letters")) from None
    if len(found) != int(told[1]):
        raise FlawError(Flaw("total", name, f"holds {len(found)} letters of {int(told[1])}"))
    if hashlib.sha256(repr([each.place for each in found]).encode()).hexdigest()[:8] != told[2]:
        raise FlawError(Flaw("damaged", name, "holds letters of other events than its name says"))
    return found


def read_record(store: Store, folder: str, name: str) -> RedriveRecord:
    """Return what became of letters that were sent again. The name tells of its content.

    :raises FlawError: it is not what was written.
    """
    told = RECORD.fullmatch(name)
    if told is None:
        raise FlawError(Flaw("foreign", name, "is no record of dead letters that were sent again"))
    content = fetch(store, folder, name)
    if hashlib.sha256(content).hexdigest()[:16] != told[1]:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)"))
    try:
        return _decode_record(content)
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as a redrive record")) from None


_decode_letters = msgspec.json.Decoder(Letter).decode_lines
_decode_record = msgspec.json.Decoder(RedriveRecord).decode
