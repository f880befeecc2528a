"""How the last runs that read a source ended: the record that a destination's offset holds for its ship task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit_provider.core.state_version import Codec


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Failures of reading a source. It stands beside the position, for a source may fail before there is one.

    :ivar failures_in_a_row: runs since the last one that ended well; the tries of one run are one failure.
    :ivar failing_since: when the first of them failed, aware UTC. :ivar failed_at: when the last try failed.
    :ivar failed_run: id of the last run that failed. :ivar last_error: its error, in one sentence or more.
    :ivar version: of what is kept, see ``state_version``.
    """

    failures_in_a_row: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    failed_run: str = ""
    last_error: str = ""
    version: int = 1


SOURCE_HEALTH: Codec[SourceHealth] = Codec(
    SourceHealth, "how reading a source ended", "delete it, the next run makes another", versioned=True
)
"""How it is kept."""
