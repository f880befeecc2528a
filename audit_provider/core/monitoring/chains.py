"""What other chains of a stream have counted already: a position that is deleted begins another, and reads again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import UTC
from audit_provider.core.monitoring.activity import AHEAD_DAYS, Ended
from audit_provider.core.spool import RecentIds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_provider.core.model import Event
    from audit_provider.core.monitoring.activity import Activity, Progress
    from audit_provider.core.spool import Stream

_CLOCKS_DIFFER = timedelta(days=2)


@dataclass
class OtherChains:
    """The events that the chains before this one have counted, by their ids.

    Nothing is read of them before a segment may hold one of these events.

    :ivar first: the first day that is counted at all.
    """

    stream: Stream
    places: Sequence[str]
    progress: Progress
    activity: Activity
    first: date
    _ids: RecentIds | None = None
    _loaded: set[str] = field(default_factory=set)
    _removed: list[tuple[date, datetime]] = field(default_factory=list)

    def fresh(self, events: Sequence[Event], first_time: datetime) -> Sequence[Event]:
        """Return the events of a segment that no other chain has counted. :param first_time: the smallest of theirs.

        :raises SpoolDamagedError: another chain cannot be read.
        """
        for place in self.places:
            ended = self.progress.ended.get(place)
            if place not in self._loaded and (ended is None or first_time <= ended.last):
                self._load(place)
        if self._ids is None:
            return events
        return [event for event in self._ids.admit(events) if not self._is_removed(event)]

    def close(self) -> None:
        """Drop them."""
        if self._ids is not None:
            self._ids.close()

    def _load(self, place: str) -> None:
        """Remember the ids of a chain, as far as they are of days that are counted, and when it ended."""
        self._loaded.add(place)
        if self._ids is None:
            self._ids = RecentIds()
        chain = place.rpartition("/")[2]
        last, oldest = None, None
        for manifest in self.stream.of_chain(chain).found_manifests(self.progress.segments[place]):
            if manifest.written_at.date() < self.first - _CLOCKS_DIFFER:
                oldest = None
                break
            self._ids.remember(manifest.ids)
            end = min(manifest.last_time, manifest.written_at + timedelta(days=AHEAD_DAYS))
            last, oldest = max(end, last or end), manifest
        ended = self.progress.ended.get(place)
        if ended is None:
            since = self.activity.first() or self.first
            ended = Ended(last=last or datetime.min.replace(tzinfo=UTC), since=since)
            self.progress.ended[place] = ended
        if oldest and oldest.number > 1:
            # The removed segments lie before one that is counted, so they are.
            self._removed.append((ended.since, oldest.written_at))

    def _is_removed(self, event: Event) -> bool:
        return any(since <= event.time.date() and event.time < end for since, end in self._removed)


def other_chains(stream: Stream, place: str, activity: Activity, progress: Progress, first: date) -> OtherChains | None:
    """Return the other chains of a stream, None where there is none of which anything is counted.

    :param place: of the chain that is counted now. :param first: the first day that is counted at all.
    """
    places = [each for each in progress.segments if each != place and each.rpartition("/")[0] == str(stream)]
    left = [each for each in places if each not in progress.ended or progress.ended[each].last.date() >= first]
    return OtherChains(stream, left, progress, activity, first) if left else None
