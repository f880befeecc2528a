"""How a source fares: how its last runs ended, and what reading has noticed of how it is described.

A notice is no error, yet a person should look at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from audit_provider.core.outages import Outage, outages_after
from audit_provider.core.state_version import Codec


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Failures of reading a source. It stands beside the position, for a source may fail before there is one.

    :ivar failures_in_a_row: runs since the last one that ended well; the tries of one run are one failure.
    :ivar failing_since: when the first of them failed, aware UTC. :ivar failed_at: when the last try failed.
    :ivar failed_run: id of the last run that failed. :ivar last_error: its error, in one sentence or more.
    :ivar outages: those that ended, the newest last.
    :ivar version: of what is kept, see ``state_version``.
    """

    failures_in_a_row: int = 0
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    failed_run: str = ""
    last_error: str = ""
    version: int = 1
    outages: tuple[Outage, ...] = ()


SOURCE_HEALTH: Codec[SourceHealth] = Codec(
    SourceHealth, "how reading a source ended", "delete it, the next run makes another", versioned=True
)
"""How it is kept."""


def standing(health: SourceHealth, read_at: datetime | None) -> SourceHealth:
    """Return the failures of a source that still stand.

    Reading to the end after the last failure ends them: a run that finds nothing new writes the position alone.

    :param read_at: when the source was last read to its end, by the position, aware UTC; None where nothing says so.
    """
    if read_at is None or health.failed_at is None or read_at <= health.failed_at:
        return health
    # The position says when it was read to its end last, and not when it was for the first time since.
    return SourceHealth(outages=outages_after(health, health.failed_at, at_least=True))


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing noticed, kept with the position for as long as it holds.

    :ivar key: what it is about. :ivar text: one sentence, and what to change. :ivar at: when it was last met, aware
        UTC.
    """

    key: str
    text: str
    at: datetime
    severity: Literal["info", "warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the answers of one request's source have shown so far, over all runs.

    :ivar met: keys of what some answer or record has had. :ivar looked: by key of what none has had yet, in how many
        records it was looked for.
    """

    met: tuple[str, ...] = ()
    looked: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def notices_in(noticed: Mapping[str, Noticed]) -> list[Notice]:
    """Return the notices of a source and of its recovery source, as a position keeps them, each text once."""
    found = {notice.text: notice for each in noticed.values() for notice in each.notices}
    return list(found.values())
