"""Whose fault a refusal is: an event that is refused for its own sake stands alone, a sender's fault hits every one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

TOO_MANY_REFUSED = 10
"""So many events refused in a row, with none taken in between, are refused for their sender's sake."""

_VARYING = re.compile(r"(?<!\w)'.*?'(?!\w)|\"[^\"]*\"|\d+", re.DOTALL)
"""What the words for one fault quote of each event: Elasticsearch names the document, and its value."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Events that were refused one after another, as far as that may be the sender's fault.

    An event that was refused with its batch, and then alone, counts. One that was refused by a verdict of its own
    counts where the others before it were so for the same reason, digits and quoted text aside; another reason begins
    anew, since a destination that has something else to say of each event looks at them.

    :ivar count: how many. :ivar alike: digest of the reason that verdicts of their own share, "" where there are none.
    """

    count: int = 0
    alike: str = ""

    @property
    def are_too_many(self) -> bool:
        """Whether nothing of it may be set aside."""
        return self.count >= TOO_MANY_REFUSED

    def with_batch(self) -> Refusals:
        """Return the refusals with one more, of which nobody says why it is that event."""
        return Refusals(self.count + 1, self.alike)

    def with_event(self, reason: str) -> Refusals:
        """Return the refusals with one more, that has a reason of its own."""
        alike = hashlib.sha256(_VARYING.sub("", reason).encode()).hexdigest()[:16]
        return Refusals(self.count + 1 if self.alike in ("", alike) else 1, alike)
