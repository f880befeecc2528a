"""Signed notes and checkpoints: their form to the byte, and what is refused."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from audit_provider.core.errors import ConfigurationError, ProtocolError
from audit_provider.core.transparency.checkpoint import Checkpoint, Note, PublicKey, SigningKey, signed

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))
ORIGIN = "logs.example.com/slack/live/20260301T000000Z-aaaa"
CHECKPOINT = Checkpoint(ORIGIN, 20852163, bytes(range(100, 132)))


def test_a_checkpoint_is_three_lines_that_are_signed():
    note = str(CHECKPOINT.signed([KEY]))
    text, _, signature = note.partition("\n\n")
    assert text.split("\n") == [ORIGIN, "20852163", base64.b64encode(CHECKPOINT.root).decode()]
    dash, name, encoded = signature.removesuffix("\n").split(" ")
    assert (dash, name) == ("—", ORIGIN)
    raw = base64.b64decode(encoded)
    assert raw[:4] == KEY.public.number(ORIGIN)
    assert KEY.public.proves(raw[4:], f"{text}\n".encode())


def test_what_is_written_is_read_again():
    note = Note.of(str(CHECKPOINT.signed([KEY, OTHER])))
    assert Checkpoint.of(note.text) == CHECKPOINT
    assert note.signed_by([KEY.public], ORIGIN) == [KEY.public]
    assert note.signed_by([OTHER.public, KEY.public], ORIGIN) == [OTHER.public, KEY.public]
    assert note.signed_by([KEY.public], "another.example.com") == []


def test_without_a_key_there_is_no_signature_and_it_is_read_all_the_same():
    note = CHECKPOINT.signed([])
    assert str(note) == str(CHECKPOINT)
    assert Note.of(str(note)) == note
    assert note.signed_by([KEY.public], ORIGIN) == []


def test_a_text_that_was_changed_is_not_signed():
    changed = str(CHECKPOINT.signed([KEY])).replace("20852163", "20852164")
    with pytest.raises(ProtocolError, match="was not made with the key that it names"):
        Note.of(changed).signed_by([KEY.public], ORIGIN)


@pytest.mark.parametrize(
    "written",
    ["", "text", "text\n\nno dash\n", "text\n\n— name\n", "text\n\n— name !!!!\n", "text\n\n— name AAAA\n", "a\n\n— b"],
)
def test_what_is_no_note_is_refused(written):
    with pytest.raises(ProtocolError):
        Note.of(written)


@pytest.mark.parametrize(
    "text", ["", "o\n1\n", "o\n01\nAAAA\n", f"o\n-1\n{'A' * 43}=\n", f"\n1\n{'A' * 43}=\n", f"o\n1\n{'A' * 43}="]
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(ProtocolError):
        Checkpoint.of(text)


def test_further_lines_of_a_checkpoint_are_passed_over():
    assert Checkpoint.of(f"{CHECKPOINT}more\n") == CHECKPOINT


@pytest.mark.parametrize(
    ("text", "name"), [("no end", "n"), ("two\n\nparts\n", "n"), ("t\n", "a name"), ("t\n", "a+b")]
)
def test_what_cannot_be_a_note_is_not_signed(text, name):
    with pytest.raises(ValueError, match="a note needs"):
        signed(text, name, [KEY])


def test_keys_are_read_in_every_form_in_which_tools_write_them():
    private = Ed25519PrivateKey.from_private_bytes(KEY.seed)
    public = private.public_key()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert SigningKey.of_text(pem) == SigningKey.of_text(base64.b64encode(KEY.seed).decode()) == KEY
    shown = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in (shown, str(KEY.public), KEY.public.verifier("a/b"), f" {KEY.public}\n"):
        assert PublicKey.of_text(text) == KEY.public


@pytest.mark.parametrize("text", ["", "canary", "AAAA", "-----BEGIN PRIVATE KEY-----\ncanary", "n+00000000+AAAA"])
def test_what_is_no_key_is_refused_and_not_shown(text):
    for kind in (SigningKey, PublicKey):
        with pytest.raises(ConfigurationError) as refused:
            kind.of_text(text)
        assert "canary" not in str(refused.value)


def test_a_secret_key_is_not_shown():
    assert str(KEY.seed) not in repr(KEY)
