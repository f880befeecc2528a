"""Whose log it is that a position was read from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.stream_name import StreamName

_DIGITS = 12


def fingerprint(address: str, settings: Mapping[str, str], login: str) -> str:
    """Return a short digest that identifies an account of a service.

    :param address: base URL of the API.
    :param settings: the source's settings without secrets, such as an organisation.
    :param login: the public part of the credential, such as a client id; "" if it has none. Never a secret.
    """
    parts = [address.rstrip("/").lower(), sorted(settings.items()), login]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:_DIGITS]


def refuse_other_account(kept: str, found: str, name: StreamName, where: str) -> None:
    """Refuse to read on from a position that belongs to another account.

    :param kept: the account that the position was read from, "" where an earlier version did not say.
    :param found: the account that would be read. :param where: the connection, for the message.
    :raises ConfigurationError: they are not the same.
    """
    if kept in ("", found):
        return
    raise ConfigurationError(
        f"{name.folder} was read from another account than the one {where} leads to now (host, settings or login have "
        "changed): nothing was read. If it is the same account, set 'same_account' in the connection's extra to "
        f"{kept!r}; to start from the beginning with the other account, delete the Variable {name.cursor_key}."
    )
