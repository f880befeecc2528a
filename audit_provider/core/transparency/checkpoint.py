"""Signed notes and checkpoints by C2SP, which are texts with Ed25519 signatures below; and the proof of an event.

The text of a checkpoint says how many events a log has, and the root of its tree. As the standard requires, the name
of a key is the origin of the log that it signs. So one key pair signs many logs, and anybody who knows the public key
can derive its name and number for each of them.

The proof of an event consists of its line, the path to a root, and the checkpoint of that root. It needs no other
event.

https://c2sp.org/signed-note
https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError
from audit_provider.core.transparency.merkle import HASH_BYTES, leaf_hash, proves_inclusion

_ED25519 = b"\x01"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_ID_BYTES = 4
_DASH = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]+")
MOST_SIGNATURES = 100
"""Most signatures that are read from one note."""


class Verifier(Protocol):
    """The key of a log or of a witness, which verifies signatures under notes."""

    def has_signed(self, note: Note, name: str) -> bool:
        """Return whether the key has signed a note. :param name: of the log.

        :raises ProtocolError: a signature names the key, but was not made with it.
        """


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, which verifies signatures. :ivar raw: its 32 bytes."""

    raw: bytes

    @classmethod
    def of_text(cls, text: str) -> PublicKey:
        """Return the key in a text, which is 32 bytes in base64, a verifier key ``name+number+key``, or PEM.

        :raises ConfigurationError: the text is none of these.
        """
        text = text.strip()
        try:
            if text.startswith("-----BEGIN"):
                key = load_pem_public_key(text.encode())
                if isinstance(key, Ed25519PublicKey):
                    return cls(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
            else:
                # A name contains no '+', but base64 may.
                raw = base64.b64decode(text.split("+", 2)[2] if _is_verifier(text) else text, validate=True)
                if len(raw) == _KEY_BYTES + 1 and raw[:1] == _ED25519:
                    raw = raw[1:]
                if len(raw) == _KEY_BYTES:
                    return cls(raw)
        except (ValueError, binascii.Error):
            pass
        raise ConfigurationError(
            "the public key is none: give 32 bytes of Ed25519 in base64, a verifier key (name+number+key), or PEM."
        )

    def __str__(self) -> str:
        return base64.b64encode(self.raw).decode()

    def number(self, name: str) -> bytes:
        """Return the four bytes by which a signature names this key. :param name: of the log."""
        return hashlib.sha256(name.encode() + b"\n" + _ED25519 + self.raw).digest()[:_ID_BYTES]

    def verifier(self, name: str) -> str:
        """Return the key in the form that other tools accept, such as Go's ``note.NewVerifier``."""
        return f"{name}+{self.number(name).hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    def proves(self, signature: bytes, text: bytes) -> bool:
        """Return whether a signature over a text was made with this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True

    def has_signed(self, note: Note, name: str) -> bool:
        """Return whether the key has signed a note. :param name: of the log.

        :raises ProtocolError: a signature names the key, but was not made with it.
        """
        own = note.signature(name, self.number(name))
        if own is None:
            return False
        if not self.proves(own, note.text.encode()):
            raise ProtocolError(f"the signature of {name} under a note was not made with the key that it names.")
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, which signs. :ivar seed: its 32 secret bytes, which no message and no ``repr`` shows."""

    seed: bytes = field(repr=False)

    @classmethod
    def of_text(cls, text: str) -> SigningKey:
        """Return the key in a text, which is 32 bytes in base64, or PEM (PKCS 8).

        :raises ConfigurationError: the text is neither.
        """
        text = text.strip()
        try:
            if text.startswith("-----BEGIN"):
                key = load_pem_private_key(text.encode(), None)
                if isinstance(key, Ed25519PrivateKey):
                    return cls(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
            else:
                raw = base64.b64decode(text, validate=True)
                if len(raw) == _KEY_BYTES:
                    return cls(raw)
        except (ValueError, TypeError, binascii.Error):
            pass
        raise ConfigurationError(
            "the private key is none: give an Ed25519 key as 32 bytes in base64, or as PEM without a passphrase."
        )

    @property
    def public(self) -> PublicKey:
        """The public key that verifies the signatures of this key."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PublicKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: bytes) -> bytes:
        """Return the signature over a text."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line below a note. :ivar number: of the key, see :meth:`PublicKey.number`."""

    name: str
    number: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.number + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures. :ivar text: ends with a line break."""

    text: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def of(cls, written: str) -> Note:
        """Return the note that a text represents.

        :raises ProtocolError: the text is not a note.
        """
        text, separator, below = written.rpartition("\n\n")
        if not separator or not below.endswith("\n"):
            # An unsigned note of this package has no empty line.
            if written.endswith("\n") and "\n\n" not in written:
                return cls(written)
            raise ProtocolError(
                "a signed note must have an empty line before its signatures, and end with a line's end."
            )
        lines = below.splitlines()
        if len(lines) > MOST_SIGNATURES:
            raise ProtocolError(f"a signed note must not have more than {MOST_SIGNATURES} signatures.")
        return cls(f"{text}\n", tuple(map(_signature, lines)))

    def __str__(self) -> str:
        if not self.signatures:
            return self.text
        return "".join([self.text, "\n", *(f"{each}\n" for each in self.signatures)])

    def signature(self, name: str, number: bytes) -> bytes | None:
        """Return the signature that names a key; None if there is none."""
        return next((each.signature for each in self.signatures if (each.name, each.number) == (name, number)), None)

    def signed_by(self, keys: Iterable[Verifier], name: str) -> list[Verifier]:
        """Return the keys that have signed this note. :param name: of the log.

        :raises ProtocolError: a signature names one of the keys, but was not made with it.
        """
        return [each for each in keys if each.has_signed(self, name)]


def signed(text: str, name: str, keys: Sequence[SigningKey]) -> Note:
    """Return a note, signed by each key.

    :param text: ends with a line break, and contains no empty line. :param name: of the log.
    :raises ValueError: the text or the name is not allowed in a note.
    """
    if not text.endswith("\n") or "\n\n" in text or not _NAME.fullmatch(name):
        raise ValueError("a note needs lines of text, and a name without spaces and '+'")
    raw = text.encode()
    return Note(text, tuple(Signature(name, key.public.number(name), key.sign(raw)) for key in keys))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raw = b""
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(raw) <= _ID_BYTES:
        raise ProtocolError("a line below a signed note must be a dash, a name, and a signature in base64.")
    return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def _is_verifier(text: str) -> bool:
    return re.match(r"[^\s+]+\+[0-9a-f]{8}\+", text) is not None


_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The statement about a log that is signed. :ivar origin: name of the log, globally unique.

    :ivar size: number of leaves. :ivar root: hash of the tree with these leaves.
    """

    origin: str
    size: int
    root: bytes

    @classmethod
    def of(cls, text: str) -> Checkpoint:
        """Return the checkpoint in the text of a note; further lines are ignored, as the standard requires.

        :raises ProtocolError: the text is not a checkpoint.
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
        """Return the note of this checkpoint; without keys, it has no signature."""
        return signed(str(self), self.origin, keys)


FORMAT = "audit_provider.proof/1"
"""The format of the file; the number changes with it."""


class EventProof(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of an event, which is kept as JSON.

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
        """Return the proof in a file's content.

        :raises ProtocolError: the content is not a proof.
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

        :raises ProtocolError: the line is not an event.
        """
        try:
            return msgspec.json.decode(self.line, type=dict[str, Any])
        except UNREADABLE:
            raise ProtocolError("the line of the proof is no event.") from None

    def check(self, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
        """Check the proof; return the checkpoint of a log that contains the event, and the keys that have signed it.

        :raises ProtocolError: the proof is wrong, or none of the keys has signed the checkpoint.
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
