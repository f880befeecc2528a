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

    Its name contains their number and a digest of the places of their events. Nothing proves the destination's words.

    :raises FlawError: it is not what was written.
    """
    named = LETTERS.fullmatch(name)
    if named is None:
        raise FlawError(Flaw("foreign", name, "is no file of dead letters"))
    try:
        found = _decode_letters(fetch(store, folder, name))
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as dead letters")) from None
    if len(found) != int(named[1]):
        raise FlawError(Flaw("total", name, f"holds {len(found)} letters of {int(named[1])}"))
    if hashlib.sha256(repr([each.place for each in found]).encode()).hexdigest()[:8] != named[2]:
        raise FlawError(Flaw("damaged", name, "holds letters of other events than its name says"))
    return found


def read_record(store: Store, folder: str, name: str) -> RedriveRecord:
    """Return what became of letters that were sent again. The name contains a digest of its content.

    :raises FlawError: it is not what was written.
    """
    named = RECORD.fullmatch(name)
    if named is None:
        raise FlawError(Flaw("foreign", name, "is no record of dead letters that were sent again"))
    content = fetch(store, folder, name)
    if hashlib.sha256(content).hexdigest()[:16] != named[1]:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)"))
    try:
        return _decode_record(content)
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "cannot be read as a redrive record")) from None


_decode_letters = msgspec.json.Decoder(Letter).decode_lines
_decode_record = msgspec.json.Decoder(RedriveRecord).decode
