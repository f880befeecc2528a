"""Whose log a run reads. The vendor is asked for the account's id only where that is not known already.

An id that is kept is good for the credential for which the vendor gave it, at the same address and with the same
settings. Otherwise the vendor is asked before anything is read. Where no id is kept yet, it is asked once what was read
is durable: until then nothing depends on the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.account import continued, has_id, is_same_place, refuse_other_account, with_id
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, RetryError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.account import ReadStream
    from audit_provider.core.position import Position
    from audit_provider.core.progress import Log

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
    :ivar check: of the credential that is used.
    """

    account: str
    credential_check: str
    check: str

    @property
    def is_to_ask(self) -> bool:
        """Whether no id is known, and the vendor has not refused it to this credential."""
        return bool(self.check) and not has_id(self.account) and self.credential_check != _REFUSED + self.check


def read_account(
    connection: AccountConnection,
    kept: Sequence[tuple[ReadStream, Position]],
    beside: Sequence[Position] = (),
    *,
    log: Log,
) -> ReadAccount:
    """Return the account that a connection leads to.

    :param kept: the streams that must be of this account, with their positions.
    :param beside: positions of streams that may be of another account. If one of them has an id and nothing is kept,
        that of this account is asked for first, because the ids of events are known by account.
    :raises ConfigurationError: one of ``kept`` was read from another account, or the vendor refuses to say whether it
        was. :raises CredentialError: it does not accept the credential.
    :raises UnavailableError: the vendor cannot be asked now.
    """
    found, check = connection.account(), connection.credential_check()
    where = f"the connection {connection.http_conn_id!r}"
    with_ids = [position for _, position in kept if has_id(position.account)]
    if check and not has_id(found):
        good = (each for each in with_ids if each.credential_check == check and is_same_place(each.account, found))
        if known := next(good, None):
            found = known.account
        elif with_ids:
            found = with_id(found, _needed_id(connection, with_ids[0].account, where))
        elif not kept and any(has_id(each.account) for each in beside):
            return learnt(connection, ReadAccount(found, "", check), log)
    for name, position in kept:
        refuse_other_account(position.account, found, name, where)
        found = continued(position.account, found)
    if has_id(found):
        return ReadAccount(found, check, check)
    refused = any(position.credential_check == _REFUSED + check for _, position in kept)
    return ReadAccount(found, _REFUSED + check if refused else "", check)


def learnt(connection: AccountConnection, read: ReadAccount, log: Log) -> ReadAccount:
    """Ask the vendor for an id that is not known yet, and return the account with what is to be kept of the answer.

    A question that fails changes nothing. One that is refused is not asked again with the same credential.
    """
    try:
        return replace(read, account=with_id(read.account, connection.account_id()), credential_check=read.check)
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
