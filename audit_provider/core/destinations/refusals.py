"""Distinguishes bad events from a bad configuration: a bad event is refused alone, a bad configuration gets every event
refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

TOO_MANY_REFUSED = 10
"""This many events refused in a row, with none accepted in between, mean that the configuration is wrong."""

_VARYING = re.compile(r"(?<!\w)'.*?'(?!\w)|\"[^\"]*\"|\d+", re.DOTALL)
"""Parts of a message that quote the event: Elasticsearch names the document and its value."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Events that were refused one after another, and may have been refused because of the sender's configuration.

    An event that was refused with its batch, and then alone, counts. An event with its own reason counts if the events
    before it were refused for the same reason, apart from digits and quoted text. Another reason restarts the count,
    because a destination that names different reasons does examine the events.

    :ivar count: Number of events.
    :ivar alike: Digest of the common reason, "" if there is none.
    """

    count: int = 0
    alike: str = ""

    @property
    def are_too_many(self) -> bool:
        """Whether there are so many that none may be set aside."""
        return self.count >= TOO_MANY_REFUSED

    def with_batch(self) -> Refusals:
        """Return the refusals with one more event that has no reason of its own."""
        return Refusals(self.count + 1, self.alike)

    def with_event(self, reason: str) -> Refusals:
        """Return the refusals with one more event that has its own reason."""
        alike = hashlib.sha256(_VARYING.sub("", reason).encode()).hexdigest()[:16]
        return Refusals(self.count + 1 if self.alike in ("", alike) else 1, alike)
