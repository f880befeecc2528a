"""Which answers mean "later": a status, a header, or the service's error message.

RFC 9110 says about every 5xx that the server failed, although the request may be valid. Only two of them will never be
answered: 501 (the method is not implemented) and 505 (the version of HTTP is not supported).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_provider.core.wire.waits import asks_to_wait, remaining_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.wire.answer import Answer

_LASTING = (501, 505)


def means_later(status: int) -> bool:
    """Whether a status means that the same request may be answered another time: 408, 425, 429 and 5xx but 501 and 505.

    https://www.rfc-editor.org/rfc/rfc9110#section-15.6
    """
    return status in (408, 425, 429) or (500 <= status < 600 and status not in _LASTING)


LATER = frozenset(status for status in range(400, 600) if means_later(status))
"""The statuses of :func:`means_later`, for settings that are lists of statuses."""


@dataclass(frozen=True, slots=True)
class Later:
    """The meaning of an answer that says "later".

    :ivar limited: the budget is used up, as a 429 says; otherwise the service has a temporary fault.
    :ivar least: minimum wait in seconds, if no header names a wait.
    """

    limited: bool = True
    least: float = 0.0


def is_slow_down(answer: Answer) -> bool:
    """Whether a 4xx is really a 429: it names a wait, or it is a 403 and nothing is left of the budget.

    GitHub sends both as a 403. A 413 that names a wait is still too large a body.
    """
    if answer.status == 403:
        return asks_to_wait(answer.headers) or remaining_requests(answer.headers) == 0
    return answer.status in (400, 409) and asks_to_wait(answer.headers)


def later_of(answer: Answer, later: Callable[[Answer], Later | bool | None] | None) -> Later | None:
    """Return the meaning of an answer that says "later" by its status, its headers or its message; otherwise None.

    :param later: finds it in the message; True is :class:`Later`.
    """
    if answer.status == 429 or is_slow_down(answer):
        return Later()
    found = later(answer) if later else None
    if found:
        return Later() if found is True else found
    return Later(limited=False) if means_later(answer.status) else None


_LIMITED = re.compile(
    r"(?:rate|request|call)s?[\s_-]?limits?\s?(?:is |was |were |has been |have been )?[\s_-]?(?:exceeded|reached|hit)"
    r"|rate[\s_-]?limit(?:ed|[\s_-]?error)\b|^rate[\s_-]?limit(?:ing)?$"
    r"|(?:exceed(?:ed|ing|s)?|reached|hit)\b[^.;]{0,40}\b(?:rate|call)s?[\s_-]?limit"
    r"|too[\s_-]?many[\s_-]?(?:api[\s_-]?)?(?:requests|calls)"
    r"|quota[\s_-]?(?:has been |is |was )?(?:exceeded|exhausted)|exceeded[^.;]{0,40}\bquota|resource[\s_-]?exhausted"
    r"|\bthrottl(?:ed|ing)|\bslow[\s_-]?down\b",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"(?:internal|server|fatal|unexpected|transient|backend|gateway)[\s_-]?(?:server[\s_-]?)?(?:error|failure)"
    r"|(?:(?:service|server|resource|system|temporarily)[\s_-]?)?(?:is[\s_-]?)?(?:temporarily[\s_-]?)?(?:unavailable|busy)"
    r"|(?:(?:request|gateway|query|operation|server|upstream|backend)[\s_-]?)?time[\s_-]?d?[\s_-]?out"
    r"|deadline[\s_-]?exceeded|(?:please[\s_-]?)?(?:try[\s_-]?again|retry)(?:[\s_-]?later)?",
    re.IGNORECASE,
)
_WORDS_SEEN = 1000


def limit_said(text: str) -> bool:
    """Whether a service's code or sentence says that a limit is exceeded, as in ``RATE_LIMIT_EXCEEDED``."""
    return bool(_LIMITED.search(_spaced(text[:_WORDS_SEEN])))


def fault_said(code: str) -> bool:
    """Whether a service's error code, as a whole, names a temporary fault of its own, as in ``internal_error``."""
    return bool(_PASSING.fullmatch(_spaced(code[:_WORDS_SEEN]).strip()))


def _spaced(text: str) -> str:
    """Return a text with a space between the words of camel case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
