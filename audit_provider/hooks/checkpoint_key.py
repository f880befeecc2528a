"""The connection type ``audit_checkpoint_key``: the key that signs checkpoints."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from airflow.providers.common.compat.sdk import BaseHook

from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.transparency.checkpoint import Checkpoint, PublicKey, SigningKey
from audit_provider.core.transparency.witness import Signer, Witness, WitnessKey
from audit_provider.core.wire.addresses import GuardedAdapter, base_url_from, refuse_host
from audit_provider.core.wire.http import HttpClient
from audit_provider.hooks.service import DescribedForm
from audit_provider.host.connection import connection_of
from audit_provider.host.settings import checkpoint_conn_id
from audit_provider.version import __version__

_WITNESS_TIMEOUT = (5.0, 15.0)
"""Seconds to connect, and between two bytes: a report does not wait long for a witness."""

_WITNESS_SECONDS = 15.0
_WITNESS_BYTES = 64 * 1024
"""Most bytes of a whole answer: it has only a few lines."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,98}[A-Za-z0-9])?")


class CheckpointKeyHook(DescribedForm, BaseHook):
    """The key that signs checkpoints, from a connection of type ``audit_checkpoint_key``.

    Example::

        hook = CheckpointKeyHook("audit_checkpoint_key_default")
        ok, message = hook.test_connection()

    :param checkpoint_key_conn_id: Connection: host (first part of the logs' names, such as ``logs.example.com``),
        password (the private key: Ed25519, 32 bytes in base64 or PEM), extra ``previous_key`` (during a key rotation:
        the previous private key, which signs too), ``witness`` (address below which ``/add-checkpoint`` is, see
        https://c2sp.org/tlog-witness) and ``witness_key`` (its verifier key).
    """

    conn_name_attr = "checkpoint_key_conn_id"
    default_conn_name = "audit_checkpoint_key_default"
    conn_type = "audit_checkpoint_key"
    hook_name = "Audit checkpoint key (Ed25519)"
    session_extras: ClassVar[tuple[str, ...]] = ()
    own_extras: ClassVar[tuple[str, ...]] = ("previous_key", "witness", "witness_key")

    def __init__(self, checkpoint_key_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = checkpoint_key_conn_id

    def get_conn(self) -> Signer:
        """Return the signer.

        :raises AuditError: the connection cannot be used.
        """
        return self.signer()

    def signer(self) -> Signer:
        """Return the signer: its name, its keys, and the witness.

        :raises ConfigurationError: there is no such connection, or it has no key.
        """
        connection = connection_of(self.conn_id, repr(self.conn_type))
        if connection.conn_type != self.conn_type:
            raise ConfigurationError(
                f"the connection {self.conn_id!r} is of type {connection.conn_type!r}, not {self.conn_type!r}."
            )
        name = (connection.host or "").strip()
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"the host of the connection {self.conn_id!r} must be the first part of the logs' names, such as "
                "logs.example.com: up to 100 letters, digits, '.', '_', '-' and '/'."
            )
        extra: dict[str, Any] = connection.extra_dejson
        if unknown := sorted(set(extra) - set(self.own_extras)):
            raise ConfigurationError(
                f"the connection {self.conn_id!r} has an unknown extra {unknown[0]!r}; known are "
                f"{', '.join(map(repr, self.own_extras))}."
            )
        texts = [connection.password, *([extra["previous_key"]] if extra.get("previous_key") else [])]
        return Signer(name, tuple(self._key(text) for text in texts), self._witness(extra))

    def _witness(self, extra: dict[str, Any]) -> Witness | None:
        url, key = (str(extra.get(each) or "").strip() for each in ("witness", "witness_key"))
        if not url and not key:
            return None
        if not url or not key:
            raise ConfigurationError(
                f"the connection {self.conn_id!r} needs both 'witness' and 'witness_key', or none."
            )
        try:
            found, base_url = WitnessKey.of_text(key), base_url_from(url)
            refuse_host(urlsplit(base_url).hostname or "")
        except ConfigurationError as error:
            raise ConfigurationError(f"of the witness in the connection {self.conn_id!r}: {error}") from None
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, GuardedAdapter())
        client = HttpClient(
            session,
            base_url,
            service=f"the witness {found.name}",
            timeout=_WITNESS_TIMEOUT,
            max_answer_seconds=_WITNESS_SECONDS,
            max_answer_bytes=_WITNESS_BYTES,
        )
        headers = {"Content-Type": "text/plain", "User-Agent": f"airflow-provider-audit-logs/{__version__}"}
        return Witness(found, lambda body: client.send("POST", "/add-checkpoint", body=body, headers=headers))

    def _key(self, text: Any) -> SigningKey:
        try:
            return SigningKey.of_text(str(text or ""))
        except ConfigurationError as error:
            raise ConfigurationError(f"of the connection {self.conn_id!r}, {error}") from None

    def public_keys(self) -> list[PublicKey]:
        """Return the public keys, the present one first.

        :raises ConfigurationError: as :meth:`signer`.
        """
        return [each.public for each in self.signer().keys]

    def test_connection(self) -> tuple[bool, str]:
        """Sign something and verify the signature; return whether that works, and a sentence."""
        try:
            signer = self.signer()
            origin = f"{signer.name}/test"
            note = Checkpoint(origin, 0, bytes(32)).signed(signer.keys)
            proven = note.signed_by([each.public for each in signer.keys], origin)
        except AuditError as error:
            return False, str(error)
        keys = " and ".join(map(str, proven))
        return len(proven) == len(signer.keys), f"Checkpoints are signed as {signer.name}/…; the public key is {keys}."


def signer() -> Signer:
    """Return the signer of checkpoints from the connection in Airflow's settings; one without keys if none is set.

    :raises AuditError: the connection cannot be used.
    """
    conn_id = checkpoint_conn_id()
    if not conn_id:
        return Signer()

    return CheckpointKeyHook(conn_id).signer()
