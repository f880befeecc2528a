"""What an HTTP answer means for a batch, where a destination has no rule of its own.

Learnt from shippers in the field: 401, 403, 404 and redirects are the sender's fault and hold everything; 413 and,
where the culprit is not named, 400 and 422 halve the batch; 408, 425, 429 and 5xx mean "later".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.destinations.base import Outcome, Verdict
from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError

if TYPE_CHECKING:
    from audit_provider.core.http import Answer, HttpClient

LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
FAULTS = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class Rules:
    """How a destination answers.

    :ivar accepted: statuses that mean delivered. :ivar later: that mean "send it again", :ivar faults: "something in it
        is wrong".
    :ivar credential: what to do about a 401 or 403, :ivar address: about a 404, 405 or redirect. Half a sentence each.
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
    if status in rules.later:
        return Outcome.all(Verdict.RETRY, count, said=said, wait=client.wait_asked(answer))
    # A proxy before the service tells a large body from an answer of the service by nothing but its page.
    if status in rules.faults and (status == 413 or not answer.is_web_page):
        return Outcome.all(Verdict.SPLIT, count, said=said)
    if status in (401, 403, 407):
        raise CredentialError(f"{said}: {rules.credential} Everything is kept.")
    if 300 <= status < 400 or status in (404, 405, 410):
        raise ConfigurationError(f"{said}: {rules.address} Everything is kept.")
    raise ProtocolError(f"{said}, which is not how {client.service} answers: check the host; everything is kept.")
