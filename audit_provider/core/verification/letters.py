"""One file of dead letters read again: whether it says what its name says."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.dead_letters import Letter, RedriveRecord
from audit_provider.core.verification.segments import Flaw, FlawError, fetch

if TYPE_CHECKING:
    from audit_provider.core.spool import Store

_LETTERS = re.compile(r"[0-9]{12}-[0-9]{8}-([0-9]+)-([0-9a-f]{8})(-[0-9]+)?\.ndjson")
_RECORD = re.compile(r"[0-9TZ.]+-([0-9a-f]{16})\.json")


def read_letters(store: Store, folder: str, name: str) -> list[Letter]:
    """Return the letters of a file, none where it is a record of what was sent again.

    The name tells of a record's content, and of letters how many there are and where their events stand. The words of a
    destination are vouched for by nothing.

    :raises FlawError: it is not what was written.
    """
    letters, record = _LETTERS.fullmatch(name), _RECORD.fullmatch(name)
    if not letters and not record:
        raise FlawError(Flaw("foreign", name, "is no file of dead letters"))
    content = fetch(store, folder, name)
    found: list[Letter] = []
    try:
        if letters:
            found = _decode_letters(content)
        else:
            _decode_record(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FlawError(Flaw("damaged", name, "cannot be read as dead letters")) from None
    if record and hashlib.sha256(content).hexdigest()[:16] != record[1]:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)"))
    if letters and len(found) != int(letters[1]):
        raise FlawError(Flaw("total", name, f"holds {len(found)} letters of {int(letters[1])}"))
    if letters and hashlib.sha256(repr([each.place for each in found]).encode()).hexdigest()[:8] != letters[2]:
        raise FlawError(Flaw("damaged", name, "holds letters of other events than its name says"))
    return found


_decode_letters = msgspec.json.Decoder(Letter).decode_lines
_decode_record = msgspec.json.Decoder(RedriveRecord).decode
