"""Witnesses by C2SP: another party keeps the last checkpoint of a log, and signs only a checkpoint that extends it.

So a log cannot show an auditor something else than a SIEM, unless the witness takes part in it. The signature is a
*cosignature*: a time, and an Ed25519 signature over a fixed first line, the time, and the text of the checkpoint.

https://c2sp.org/tlog-witness
https://c2sp.org/tlog-cosignature
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from audit_provider.core.errors import ConfigurationError, ProtocolError, UnavailableError
from audit_provider.core.model import EPOCH, UTC
from audit_provider.core.transparency.checkpoint import Note, PublicKey, SigningKey

_COSIGNATURE = b"\x04"
_COSIGNATURE_BEGIN = "B"  # base64 begins so if the first byte is 4 to 7; a log's key has 1
_TIME_BYTES, _SIGNATURE_BYTES, _KEY_BYTES = 8, 64, 32
_VERIFIER = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")
_SIZE_TYPE = "text/x.tlog.size"
_LATEST = datetime.max.replace(tzinfo=UTC)


class Answered(Protocol):
    """A witness's answer. :ivar where: for messages."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; the case of their names does not matter."""

    @property
    def body(self) -> bytes:
        """The whole body."""

    @property
    def where(self) -> str:
        """Method and address."""


Send = Callable[[bytes], Answered]
"""Posts a body to a witness's ``add-checkpoint``."""


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The key of a witness. :ivar name: of the witness. :ivar key: its Ed25519 key."""

    name: str
    key: PublicKey

    @classmethod
    def of_text(cls, text: str) -> WitnessKey:
        """Return the key in a verifier key ``name+number+key`` of the type *cosignature*.

        :raises ConfigurationError: the text is not such a key.
        """
        match = _VERIFIER.fullmatch(text.strip())
        try:
            raw = base64.b64decode(match[3], validate=True) if match else b""
        except binascii.Error:
            raw = b""
        if match and raw[:1] == _COSIGNATURE and len(raw) == _KEY_BYTES + 1:
            found = cls(match[1], PublicKey(raw[1:]))
            if found.number.hex() == match[2]:
                return found
        raise ConfigurationError(
            "the key of the witness is not a verifier key: give the one that its operator publishes, name+number+key, "
            "of Ed25519 cosignatures."
        )

    @property
    def number(self) -> bytes:
        """The four bytes by which a cosignature names the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.key.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(_COSIGNATURE + self.key.raw).decode()}"

    def cosigned_at(self, note: Note) -> datetime | None:
        """Return when the witness has signed a checkpoint; None if it has not.

        :raises ProtocolError: a signature names the key, but was not made with it.
        """
        own = note.signature(self.name, self.number)
        if own is None:
            return None
        seconds = int.from_bytes(own[:_TIME_BYTES], "big")
        text = b"cosignature/v1\ntime %d\n%s" % (seconds, note.text.encode())
        if len(own) != _TIME_BYTES + _SIGNATURE_BYTES or not self.key.proves(own[_TIME_BYTES:], text):
            raise ProtocolError(f"the cosignature of {self.name} was not made with the key of the witness.")
        return EPOCH + timedelta(seconds=seconds) if seconds < (_LATEST - EPOCH).total_seconds() else _LATEST

    def has_signed(self, note: Note, name: str) -> bool:
        """Return whether the witness has signed a checkpoint. :param name: of the log, not used.

        :raises ProtocolError: a signature names the key, but was not made with it.
        """
        return self.cosigned_at(note) is not None


def verifier_of(text: str) -> PublicKey | WitnessKey:
    """Return the key of a log or of a witness in a text, see :meth:`PublicKey.of_text`.

    :raises ConfigurationError: the text is not a key.
    """
    match = _VERIFIER.fullmatch(text.strip())
    is_witness = match and match[3].startswith(_COSIGNATURE_BEGIN)
    return WitnessKey.of_text(text) if is_witness else PublicKey.of_text(text)


def cosigned(
    note: Note, size: int, key: WitnessKey, send: Send, *, known: int, proof: Callable[[int], Sequence[bytes]]
) -> Note:
    """Return a checkpoint with the cosignature of a witness.

    :param note: signed by the log. :param size: of the checkpoint.
    :param known: supposed size of the last checkpoint that the witness has; the witness corrects a wrong one.
    :param proof: returns the consistency proof from a size, which is at least 1 and less than ``size``.
    :raises ConfigurationError: the witness does not know the log or its key.
    :raises ProtocolError: the witness has seen another log with this name, or its answer is not valid.
    :raises UnavailableError: it does not answer.
    """
    known = known if 0 <= known <= size else 0
    answer = send(_request(note, size, known, proof))
    if answer.status == 409:
        kept = _SIZE.fullmatch(answer.body)
        if kept is None or not answer.headers.get("Content-Type", "").startswith(_SIZE_TYPE):
            raise ProtocolError(f"{answer.where} answered 409 without the size of the log that it knows.")
        if (known := int(kept[1])) > size:
            raise ProtocolError(
                f"{answer.where} has already signed {known:,} events of this log, but it has {size:,}: another spool "
                "has the same name, or events were removed; compare with checkpoints that were kept elsewhere."
            )
        answer = send(_request(note, size, known, proof))
    if answer.status == 200:
        return _with(note, key, answer)
    origin = note.text.partition("\n")[0]
    if answer.status in (403, 404):  # litewitness answers 403 for a log that it does not know
        raise ConfigurationError(
            f"{answer.where} does not know the log {origin} or its key: give its operator both, the name and the "
            "public key."
        )
    if answer.status == 422:
        raise ProtocolError(
            f"{answer.where} does not accept that {origin} goes on from what it has signed before: compare with "
            "checkpoints that were kept elsewhere."
        )
    if answer.status in (409, 429) or answer.status >= 500:
        raise UnavailableError(f"{answer.where} answered {answer.status}; the next checkpoint is sent to it again.")
    raise ProtocolError(
        f"{answer.where} answered {answer.status}, which the witness protocol does not define: check the address."
    )


def _request(note: Note, size: int, known: int, proof: Callable[[int], Sequence[bytes]]) -> bytes:
    path = proof(known) if 0 < known < size else ()
    lines = [f"old {known}", *(base64.b64encode(each).decode() for each in path), "", str(note)]
    return "\n".join(lines).encode()


def _with(note: Note, key: WitnessKey, answer: Answered) -> Note:
    """Return a note with the witness's signature from an answer; signatures of other keys are left out."""
    try:
        answered = Note.of(f"{note.text}\n{answer.body.decode()}")
    except (UnicodeDecodeError, ProtocolError):
        raise ProtocolError(f"{answer.where} answered 200 without a signature.") from None
    if key.cosigned_at(answered) is None:
        raise ProtocolError(f"{answer.where} answered without a signature by {key.name}: check the key of the witness.")
    own = [each for each in answered.signatures if (each.name, each.number) == (key.name, key.number)]
    return Note(note.text, (*note.signatures, *own[:1]))


UNSIGNED_NAME = "audit-logs"
"""The first part of the origin of logs that are not signed."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who cosigns checkpoints. :ivar send: posts a body to its ``add-checkpoint``."""

    key: WitnessKey
    send: Send

    def patient_for(self, limit: timedelta, now: Callable[[], datetime]) -> Witness:
        """Return a witness that sends no more requests after one that got no answer, or after the time limit.

        :param limit: how long all of its answers together may take.
        """
        spent = timedelta(0)
        failure = ""

        def send(body: bytes) -> Answered:
            nonlocal spent, failure
            if failure or spent >= limit:
                why = failure or f"its answers took more than {limit.total_seconds():.0f} s."
                raise UnavailableError(f"{self.key.name} was not asked again in this report: {why}")
            begun = now()
            try:
                return self.send(body)
            except UnavailableError as error:
                failure = str(error)
                raise
            finally:
                spent += max(now() - begun, timedelta(0))

        return replace(self, send=send)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs checkpoints. :ivar name: first part of every origin, such as ``logs.example.com``.

    :ivar keys: the present one first; during a change of keys, the previous one second; empty to sign nothing.
    :ivar witness: that cosigns what is signed; None for none.
    """

    name: str = UNSIGNED_NAME
    keys: tuple[SigningKey, ...] = field(default=(), repr=False)
    witness: Witness | None = None
