"""The account at the vendor from which a position was read.

It is kept as a short text: a fingerprint of the address, the settings and the login, then a slash and a digest of the
account's id, if the vendor gives one. Two accounts that both have an id are compared by the id alone, because the same
account may move to another host, and a token of another account may be used with the same host.

A check value of the credential is kept with an id, so that the id is requested again only if the credential changes.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Protocol

import msgspec

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIGITS = 12
_CHECK_DIGITS = 4
_BETWEEN = "/"


class ReadStream(Protocol):
    """A stream as messages name it."""

    @property
    def folder(self) -> str:
        """Its folder in the spool."""

    @property
    def cursor_key(self) -> str:
        """The Variable that holds its position."""


def fingerprint(address: str, settings: Mapping[str, str], login: str) -> str:
    """Return a short digest that identifies an account of a service.

    :param address: base URL of the API.
    :param settings: the source's settings without secrets, such as an organisation.
    :param login: the public part of the credential, such as a client id; "" if it has none. Never a secret.
    """
    parts = [address.rstrip("/").lower(), sorted(settings.items()), login]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:_DIGITS]


def check_value(secrets: Sequence[str], token_url: str) -> str:
    """Return a value that distinguishes credentials: 16 bits of a digest, and a digest of where the tokens come from.

    Two different credentials have the same value in 1 of 65,536 cases. The digest has no salt, so every position keeps
    the same 16 bits of a credential. With a different salt in each, the positions of some dozens of windows together
    would hold enough bits to confirm a guess of the credential.

    :param secrets: what the credential consists of, in a fixed order.
    :param token_url: "" if it is the source's own.
    """
    key, parts = b"audit_provider.credential", msgspec.json.encode(list(secrets))
    found = hmac.new(key, parts, hashlib.sha256).hexdigest()[:_CHECK_DIGITS]
    return f"{found}-{hashlib.sha256(token_url.encode()).hexdigest()[:_DIGITS]}" if token_url else found


def with_id(found: str, vendor_id: str) -> str:
    """Return an account with the id that the vendor gives.

    :param found: its fingerprint. :param vendor_id: such as that of an organisation; "" if it is not known.
    """
    return f"{found}{_BETWEEN}{hashlib.sha256(vendor_id.encode()).hexdigest()[:_DIGITS]}" if vendor_id else found


def has_id(account: str) -> bool:
    """Return whether an account has a digest of the vendor's id."""
    return bool(account.partition(_BETWEEN)[2])


def confirmed(kept: str) -> str:
    """Return the value of ``same_account`` with which a person confirms an account whose id is not known."""
    return kept if has_id(kept) else f"{kept}{_BETWEEN}"


def is_confirmed(found: str) -> bool:
    """Return whether a person has confirmed the account of a connection; a fingerprint alone has no slash."""
    return _BETWEEN in found


def is_same(kept: str, found: str) -> bool:
    """Return whether two accounts are the same. "" matches any, because an earlier version did not record it."""
    (kept_parts, _, kept_id), (found_parts, _, found_id) = kept.partition(_BETWEEN), found.partition(_BETWEEN)
    if kept_id and found_id:
        return kept_id == found_id
    return not kept or not found or kept_parts == found_parts


def is_same_place(kept: str, found: str) -> bool:
    """Return whether two accounts have the same address, settings and login, whatever the vendor's ids."""
    return kept.partition(_BETWEEN)[0] == found.partition(_BETWEEN)[0]


def continued(kept: str, found: str) -> str:
    """Return the account to keep: the one found, with the kept id if the vendor gives none now."""
    kept_id = kept.partition(_BETWEEN)[2]
    return f"{found}{_BETWEEN}{kept_id}" if kept_id and not has_id(found) else found


def refuse_other_account(kept: str, found: str, name: ReadStream, where: str) -> None:
    """Refuse to read on from a position that belongs to another account.

    :param kept: the account that the position was read from, "" if an earlier version did not record it.
    :param found: the account that would be read. :param where: the connection, for the message.
    :raises ConfigurationError: they are not the same.
    """
    if is_same(kept, found):
        return
    by_id = has_id(kept) and has_id(found)
    why = "the vendor gives another account id" if by_id else "host, settings or login have changed"
    raise ConfigurationError(
        f"{name.folder} was read from another account than the one {where} leads to now ({why}): nothing was read. If "
        "it is the same account, set 'same_account' in the connection's extra to "
        f"{kept!r}; to start from the beginning with the other account, delete the Variable {name.cursor_key}."
    )
