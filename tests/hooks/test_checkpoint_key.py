"""The connection type of the key that signs checkpoints: forms of keys, exchange, and its Test button."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.transparency.checkpoint import SigningKey
from audit_provider.hooks.checkpoint_key import CheckpointKeyHook, signer

SEED, OLD = bytes(range(32)), bytes(range(1, 33))


def text(seed):
    return base64.b64encode(seed).decode()


PASSWORD = text(SEED)


@pytest.fixture
def connect(monkeypatch):
    def connect(*, host="logs.example.com", password=PASSWORD, conn_type="audit_checkpoint_key", **extra):
        value = {"conn_type": conn_type, "host": host, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_K", json.dumps(value))
        return CheckpointKeyHook("k")

    return connect


def test_the_test_says_who_signs_and_shows_the_public_key_alone(connect):
    ok, said = connect().test_connection()
    assert ok
    assert "signed as logs.example.com/" in said
    assert str(SigningKey(SEED).public) in said
    assert text(SEED) not in said


def test_while_keys_are_exchanged_both_sign_the_new_one_first(connect):
    hook = connect(previous_key=text(OLD))
    assert hook.public_keys() == [SigningKey(SEED).public, SigningKey(OLD).public]
    ok, said = hook.test_connection()
    assert (ok, str(SigningKey(OLD).public) in said) == (True, True)


def test_a_key_may_be_pem(connect):
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert connect(password=pem).signer().keys == (SigningKey(SEED),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "canary"}, "of the connection 'k', the private key is none"),
        ({"password": None}, "the private key is none"),
        ({"previous_key": "canary"}, "the private key is none"),
        ({"host": ""}, "must be the first part of the logs' names"),
        ({"host": "two words"}, "must be the first part of the logs' names"),
        ({"host": "a+b"}, "must be the first part of the logs' names"),
        ({"privat_key": "canary"}, "unknown extra 'privat_key'"),
        ({"conn_type": "http"}, "is of type 'http', not 'audit_checkpoint_key'"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is_shown(connect, changes, said):
    ok, shown = connect(**changes).test_connection()
    assert not ok
    assert said in shown
    assert "canary" not in shown


def test_airflows_settings_name_who_signs(connect, monkeypatch):
    connect()
    assert signer().keys == ()
    monkeypatch.setenv("AIRFLOW__AUDIT_LOGS__CHECKPOINT_CONN_ID", "k")
    assert signer().keys == (SigningKey(SEED),)
    monkeypatch.delenv("AIRFLOW_CONN_K")
    with pytest.raises(ConfigurationError, match="there is no connection 'k'"):
        signer()
