"""One event's proof, which needs no other event: its line, the path to a root, and the checkpoint of that root."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.transparency.checkpoint import Checkpoint, Note
from audit_provider.core.transparency.merkle import leaf_hash, proves_inclusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.transparency.checkpoint import Verifier

FORMAT = "audit_provider.proof/1"
"""Says how the file is to be read; another number is another form."""


class EventProof(msgspec.Struct, frozen=True, kw_only=True):
    """A proof, as it is kept as JSON.

    :ivar line: of the event in its segment, byte for byte, as text. :ivar place: of the leaf in the log, from 0.
    :ivar path: hashes from the leaf to the root, in base64. :ivar checkpoint: the note.
    """

    format: str = FORMAT
    line: str
    place: int
    path: list[str]
    checkpoint: str

    @classmethod
    def of_json(cls, content: bytes) -> EventProof:
        """Return the proof in a file.

        :raises ProtocolError: it holds none.
        """
        try:
            found = msgspec.json.decode(content, type=cls)
        except UNREADABLE as error:
            raise ProtocolError(f"the file holds no proof of an event ({error}).") from None
        if found.format != FORMAT:
            raise ProtocolError(f"the proof has the format {found.format!r}, but only {FORMAT!r} can be read.")
        return found

    def as_json(self) -> bytes:
        """Return the file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @property
    def event(self) -> dict[str, Any]:
        """Id, time and record of the event.

        :raises ProtocolError: the line is no event.
        """
        try:
            return msgspec.json.decode(self.line, type=dict[str, Any])
        except UNREADABLE:
            raise ProtocolError("the line of the proof is no event.") from None

    def check(self, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
        """Return the checkpoint that the event is proven to be under, and which of the keys have signed it.

        :raises ProtocolError: the proof proves nothing.
        """
        note = Note.of(self.checkpoint)
        checkpoint = Checkpoint.of(note.text)
        try:
            path = [base64.b64decode(each, validate=True) for each in self.path]
        except binascii.Error:
            raise ProtocolError("the path of the proof is not base64.") from None
        leaf = leaf_hash(self.line.encode())
        if not proves_inclusion(leaf, self.place, checkpoint.size, path, checkpoint.root):
            raise ProtocolError(
                "the event does not lead to the root of the checkpoint: its line, its place or the path was changed."
            )
        signers = note.signed_by(keys, checkpoint.origin)
        if keys and not signers:
            raise ProtocolError("none of the keys that were given has signed the checkpoint.")
        return checkpoint, signers
