"""Find out which account a run reads. The vendor is asked for the account's id only if it is not known already.

A kept id is valid for one day, for the credential for which the vendor gave it, at the same address and with the same
settings: a vendor may move a credential to another account. After a day, the vendor is asked again; if it does not
answer, the kept id counts. If the credential, the address or the settings have changed, the vendor is asked before
anything is read. A stream without a position asks before its first commit, because nothing depends on the answer until
then. If that request fails, the position keeps the check value of the credential. No other credential may continue from
that position until a person has confirmed that it is of the same account.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, RetryError, UnavailableError
from audit_provider.core.ledger.account import (
    confirmed,
    continued,
    has_id,
    is_confirmed,
    is_same_place,
    refuse_other_account,
    with_id,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_provider.core.ledger.account import ReadStream
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.progress import Log

CHECKED_FOR = timedelta(days=1)
"""How long an id that the vendor has given is not asked for again."""

_REFUSED = "refused "


class AccountConnection(Protocol):
    """The part of a connection to a service that says which account it reads.

    :ivar http_conn_id: its name.
    """

    http_conn_id: str

    def account(self) -> str:
        """Return the account without asking the vendor, see :mod:`~audit_provider.core.ledger.account`."""

    def credential_check(self) -> str:
        """Return the check value of the credential; "" if the vendor is never asked for the account's id."""

    def account_id(self) -> str:
        """Ask the vendor for the account's id.

        :raises AuditError: the vendor does not give it.
        """


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """The account that a connection reads.

    :ivar account: see :mod:`~audit_provider.core.ledger.account`.
    :ivar credential_check: the check value to keep with it.
    :ivar check: of the credential that is used. :ivar asked: whether the run has asked the vendor for an unknown id.
    :ivar checked_at: when the vendor last gave the account's id, None if not known; to keep as well.
    """

    account: str
    credential_check: str
    check: str
    asked: bool = False
    checked_at: datetime | None = None

    @property
    def is_to_ask(self) -> bool:
        """Whether to ask the vendor: no id is known, this run has not asked, and this credential was not refused."""
        known = self.asked or has_id(self.account) or self.credential_check == _REFUSED + self.check
        return bool(self.check) and not known


def read_account(
    connection: AccountConnection,
    kept: Sequence[tuple[ReadStream, Position]],
    beside: Sequence[Position] = (),
    *,
    log: Log,
    now: datetime | None = None,
) -> ReadAccount:
    """Return the account that a connection reads.

    :param kept: the streams that must be of this account, with their positions. If none of them has an id, the vendor
        is asked first.
    :param beside: positions of streams that may be of another account. If one of them has an id and ``kept`` is empty,
        the vendor is asked first, because events are recognised by id within one account.
    :param now: aware UTC; None accepts an id that was confirmed more than a day ago.
    :raises ConfigurationError: a stream of ``kept`` was read from another account, or the vendor refuses to say, or it
        cannot be known.
    :raises CredentialError: the vendor does not accept the credential.
    :raises UnavailableError: the vendor cannot be asked now.
    """
    given, check = connection.account(), connection.credential_check()
    found = given if has_id(given) else given.rstrip("/")
    where = f"the connection {connection.http_conn_id!r}"
    with_ids = [position for _, position in kept if has_id(position.account)]
    checked_at: datetime | None = None
    if check and not has_id(found):
        good = (each for each in with_ids if each.credential_check == check and is_same_place(each.account, found))
        if known := max(good, key=_checked_at, default=None):
            found, checked_at = _checked(connection, known, found, now, log)
        elif with_ids:
            found, checked_at = with_id(found, _needed_id(connection, with_ids[0].account, where)), now
    for name, position in kept:
        refuse_other_account(position.account, found, name, where)
        if check and not is_confirmed(given):
            _refuse_unknown(position, check, name, where)
        found = continued(position.account, found)
    if has_id(given):
        # The id comes from the extra. Nothing is kept for this credential, so the next one is checked with the vendor.
        return ReadAccount(found, with_ids[0].credential_check if with_ids else "", check)
    if has_id(found):
        return ReadAccount(found, check, check, checked_at=checked_at)
    refused = any(position.credential_check == _REFUSED + check for _, position in kept)
    read = ReadAccount(found, _REFUSED + check if refused else "", check)
    first = kept or any(has_id(each.account) for each in beside)
    return learnt(connection, read, log, now) if first and read.is_to_ask else read


def learnt(connection: AccountConnection, read: ReadAccount, log: Log, now: datetime | None = None) -> ReadAccount:
    """Ask the vendor for an unknown id, and return the account with what is to be kept of the answer.

    If the request fails, only the credential's check value is kept. If the vendor refuses, it is not asked again with
    the same credential.
    :param now: aware UTC; None to keep no time of the check.
    """
    read = replace(read, credential_check=read.check, asked=True)
    try:
        return replace(read, account=with_id(read.account, connection.account_id()), checked_at=now)
    except RetryError as error:
        log.info("The account's id is not known yet, and the next run asks for it again: %s", error)
        return read
    except AuditError as error:
        log.warning(
            "The vendor does not give the account's id. Until the connection has another credential, the account is "
            "compared by host, settings and login alone: %s",
            error,
        )
        return replace(read, credential_check=_REFUSED + read.check)


def _checked_at(position: Position) -> float:
    return position.account_checked_at.timestamp() if position.account_checked_at else 0.0


def _checked(
    connection: AccountConnection, known: Position, place: str, now: datetime | None, log: Log
) -> tuple[str, datetime | None]:
    """Return the account of a position and the time of its check; check again if that was more than a day ago.

    :param place: the account that the connection reads, without an id.
    """
    before = known.account_checked_at
    if now is None or (before and timedelta(0) <= now - before < CHECKED_FOR):
        return known.account, before
    try:
        vendor_id = connection.account_id()
    except RetryError as error:
        log.info("Whether the credential is still of the same account is asked by the next run again: %s", error)
        return known.account, before
    except AuditError as error:
        log.warning(
            "The vendor no longer says of which account the credential is; that it is still the same one is believed, "
            "and asked again in a day: %s",
            error,
        )
        return known.account, now
    return with_id(place, vendor_id) if vendor_id else known.account, now


def _refuse_unknown(position: Position, check: str, name: ReadStream, where: str) -> None:
    """Refuse to continue with another credential from a position without an account id.

    :param check: of the credential that is used.
    :raises ConfigurationError: the credential is another one. Only host, settings and login are compared if the vendor
        had refused the id, or if an earlier version wrote the position, which kept no check value.
    """
    before = position.credential_check
    if has_id(position.account) or before in ("", check) or before.startswith(_REFUSED):
        return
    raise ConfigurationError(
        f"{name.folder} was read with another credential than {where} has now, and the vendor could not be asked for "
        "the account's id then, so nobody can say whether both are of one account: nothing was read. Let one run "
        "succeed with the credential of before; or, if both are of the same account, set 'same_account' in the "
        f"connection's extra to {confirmed(position.account)!r} for one run; to start from the beginning, delete the "
        f"Variable {name.cursor_key}."
    )


def _needed_id(connection: AccountConnection, kept: str, where: str) -> str:
    """Return the account's id, or raise an error: without it nothing may be read.

    :param kept: the account that is kept, for the message.
    """
    way_out = f"set 'same_account' in the extra of {where} to {kept!r}."
    try:
        return connection.account_id()
    except RetryError as error:
        raise UnavailableError(
            f"Whether this is still the same account cannot be asked now, so nothing was read: {error} If it stays so, "
            f"{way_out}"
        ) from None
    except AuditError as error:
        kind = CredentialError if isinstance(error, CredentialError) else ConfigurationError
        raise kind(
            f"Host, settings or credential of {where} have changed, and the vendor does not say whether this is still "
            f"the same account, so nothing was read: {error} If the credential is right and of the same account, "
            f"{way_out}"
        ) from None
