"""Checkpoints by C2SP: how many events a log has and the root of its tree, in three lines that are signed.

https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.errors import ProtocolError
from audit_provider.core.transparency.merkle import HASH_BYTES
from audit_provider.core.transparency.note import Note, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.transparency.note import SigningKey

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed of a log. :ivar origin: its name, unique in the world. :ivar size: of how many leaves."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def of(cls, text: str) -> Checkpoint:
        """Return the checkpoint that the text of a note is; further lines are passed over, as the standard has it.

        :raises ProtocolError: it is none.
        """
        lines = text.split("\n")
        if len(lines) <= _LINES or lines[-1] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise ProtocolError("a checkpoint must be lines of an origin, a size, and a root in base64.")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except binascii.Error:
            root = b""
        if len(root) != HASH_BYTES:
            raise ProtocolError(f"the root of a checkpoint must be {HASH_BYTES} bytes in base64.")
        return cls(lines[0], int(lines[1]), root)

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, keys: Sequence[SigningKey]) -> Note:
        """Return the note of this checkpoint; without a key it has no signature."""
        return signed(str(self), self.origin, keys)
