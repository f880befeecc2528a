"""What an HTTP answer means for a batch, if a destination has no rule of its own.

The rules come from experience with other shippers. 401, 403, 404 and redirects are caused by the sender's
configuration, and everything is kept. 413, and 400 and 422 without the name of the refused event, halve the batch.
:mod:`audit_provider.core.wire.later` decides which answers mean "later".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.destinations.base import Outcome, Verdict
from audit_provider.core.errors import (
    ConfigurationError,
    CredentialError,
    MaybeStoredError,
    ProtocolError,
    UnavailableError,
)
from audit_provider.core.wire.later import LATER, is_slow_down, means_later

if TYPE_CHECKING:
    from audit_provider.core.wire.http import Answer, HttpClient

FAULTS = frozenset({400, 413, 422})

MAYBE_STORED = (
    "the events may be stored: look for them at the destination; everything is kept, and the events are set aside "
    "after three runs have sent them."
)
"""What to do if a success answer is not understood."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a destination answers.

    :ivar accepted: statuses that mean delivered. :ivar later: statuses that mean "send it again".
    :ivar faults: statuses that mean "something in the batch is wrong".
    :ivar credential: text that says what to do about a 401 or 403. :ivar address: the same for a 404, 405 or redirect.
    """

    accepted: frozenset[int]
    credential: str
    address: str = "check the connection's host."
    later: frozenset[int] = LATER
    faults: frozenset[int] = FAULTS


def judge(answer: Answer, count: int, rules: Rules, client: HttpClient) -> Outcome:
    """Return what became of ``count`` events.

    :raises CredentialError: the credential is refused. :raises ConfigurationError: the address is wrong.
    :raises ProtocolError: this is not how the service answers. Everything is kept in each of these cases.
    """
    status = answer.status
    said = f"{answer.where} answered {status}{client.words(answer)}"
    if status in rules.accepted:
        return Outcome.all(Verdict.DELIVERED, count)
    if status in rules.later or is_slow_down(answer):
        return put_off(answer, count, client)
    # With 400 or 422, a web page is from a proxy and says nothing about the events; with 413, it limits the body too.
    if status in rules.faults and (status == 413 or not answer.is_web_page):
        return Outcome.all(Verdict.SPLIT, count, said=said)
    if status in (401, 403):
        passing = "allow this client in the proxy, or " if answer.is_web_page else ""
        raise CredentialError(f"{said}: {passing}{rules.credential} Everything is kept.")
    if 300 <= status < 400 or status in (404, 405, 410):
        raise ConfigurationError(f"{said}: {rules.address} Everything is kept.")
    if 200 <= status < 300 and not answer.is_web_page:
        raise MaybeStoredError(f"{said}, which is not how {client.service} confirms: {MAYBE_STORED}")
    raise ProtocolError(f"{said}, which is not how {client.service} answers: check the host; everything is kept.")


def is_later(answer: Answer) -> bool:
    """Whether an answer means that the same batch may be accepted later."""
    return means_later(answer.status) or is_slow_down(answer)


def put_off(answer: Answer, count: int, client: HttpClient) -> Outcome:
    """Return the outcome of an answer that means "later": all ``count`` events must be sent again."""
    said = f"{answer.where} answered {answer.status}{client.words(answer)}"
    return Outcome.all(Verdict.RETRY, count, said=said, wait=client.wait_asked(answer, slow_down=is_slow_down(answer)))


def refuse_later(answer: Answer, client: HttpClient) -> None:
    """Raise an error if the answer to a check means "later", because it says nothing about the sender.

    :raises UnavailableError: the answer means "later".
    """
    if is_later(answer):
        raise UnavailableError(
            f"{answer.where} answered {answer.status}{client.words(answer)}: {client.service} is not available.",
            wait=client.wait_asked(answer, slow_down=is_slow_down(answer)),
        )
