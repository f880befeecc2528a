"""Whose log a run reads. The vendor is asked for the account's id only where that is not known already.

An id that is kept is good for the credential for which the vendor gave it, at the same address and with the same
settings, for a day: a vendor may move a credential to another account. After a day, the vendor is asked again; if it
does not answer that, the kept id counts. If the credential, the address or the settings are others, the vendor is asked
before anything is read. A stream without a position asks before its first commit: until then nothing depends on the
answer. If that question fails, the position keeps the check value of the credential, and no other credential reads on
from it before a person has confirmed that it is of the same account.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.account import (
    confirmed,
    continued,
    has_id,
    is_confirmed,
    is_same_place,
    refuse_other_account,
    with_id,
)
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, RetryError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_provider.core.account import ReadStream
    from audit_provider.core.position import Position
    from audit_provider.core.progress import Log

CHECKED_FOR = timedelta(days=1)
"""For so long an id that the vendor has given is not asked for again."""

_REFUSED = "refused "


class AccountConnection(Protocol):
    """A connection to a service, as far as it says which account it leads to.

    :ivar http_conn_id: its name.
    """

    http_conn_id: str

    def account(self) -> str:
        """Return the account without asking the vendor, see :mod:`~audit_provider.core.account`."""

    def credential_check(self) -> str:
        """Return the check value of the credential; "" where the vendor is not asked for the account's id."""

    def account_id(self) -> str:
        """Ask the vendor for the account's id.

        :raises AuditError: it does not give it.
        """


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """The account that a connection leads to.

    :ivar account: see :mod:`~audit_provider.core.account`. :ivar credential_check: to be kept with it.
    :ivar check: of the credential that is used. :ivar asked: the run has asked the vendor for an id that nobody knew.
    :ivar checked_at: when the vendor has last answered what the account's id is, None where nothing says so; to be
        kept as well.
    """

    account: str
    credential_check: str
    check: str
    asked: bool = False
    checked_at: datetime | None = None

    @property
    def is_to_ask(self) -> bool:
        """Whether no id is known, and the vendor has neither been asked by this run nor refused it to this credential
        before.
        """
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
    """Return the account that a connection leads to.

    :param kept: the streams that must be of this account, with their positions. If none of them has an id, it is asked
        for first.
    :param beside: positions of streams that may be of another account. If one of them has an id and nothing is kept,
        that of this account is asked for first, because the ids of events are known by account.
    :param now: aware UTC; None believes an id that was asked for more than a day ago.
    :raises ConfigurationError: one of ``kept`` was read from another account, or the vendor refuses to say whether it
        was, or nobody can say it. :raises CredentialError: it does not accept the credential.
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
        # The vendor has given no id for this credential: the next one, without the extra, is asked for it.
        return ReadAccount(found, with_ids[0].credential_check if with_ids else "", check)
    if has_id(found):
        return ReadAccount(found, check, check, checked_at=checked_at)
    refused = any(position.credential_check == _REFUSED + check for _, position in kept)
    read = ReadAccount(found, _REFUSED + check if refused else "", check)
    first = kept or any(has_id(each.account) for each in beside)
    return learnt(connection, read, log, now) if first and read.is_to_ask else read


def learnt(connection: AccountConnection, read: ReadAccount, log: Log, now: datetime | None = None) -> ReadAccount:
    """Ask the vendor for an id that is not known yet, and return the account with what is to be kept of the answer.

    After a question that fails, the credential's check value is kept alone. One that is refused is not asked again with
    the same credential.

    :param now: aware UTC, None where it is not to be kept that the vendor was asked.
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
    """Return the account of a position, and when its id was checked: now, if that was more than a day ago.

    :param place: the account that the connection leads to, without an id.
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
    """Refuse to read on with another credential from a position that no id was given for.

    :param check: of the credential that is used.
    :raises ConfigurationError: it is another one. One to which the vendor refuses the id is compared by host, settings
        and login alone, and so is what an earlier version has read, which kept nothing of the credential.
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
    """Return the account's id, without which nothing is read.

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
