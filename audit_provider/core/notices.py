"""What reading has noticed of how a source is described: no error, yet a person should look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


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
