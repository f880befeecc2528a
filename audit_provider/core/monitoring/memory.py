"""What is remembered between reports: known actions and actors, findings, and which notifiers have sent them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec

from audit_provider.core.model import back_by
from audit_provider.core.monitoring.activity import KEPT_DAYS
from audit_provider.core.monitoring.summary import DayAccount, DayDelivery, Finding

MOST_FINDINGS = 500
MOST_ACTIONS_KNOWN = 5000
MOST_ACTORS_KNOWN = 10_000

KEPT_HOURS = timedelta(days=7)

_TELL_WITHIN = timedelta(days=1)
_DIGEST_BYTES = 12


class KeptFinding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A finding that was made.

    :ivar found_at: When it was made, aware UTC.
    :ivar lasting: It describes a state, and the state lasts.
    :ivar told: Notifiers that have sent it.
    """

    finding: Finding
    found_at: datetime
    lasting: bool = False
    told: list[str] = []


class Totals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The totals of a destination's events when a report ran.

    :ivar taken: Delivered, or already there. :ivar waited: The longest time for which its oldest pending event had
        waited on that day, in seconds.
    """

    taken: int = 0
    set_aside: int = 0
    left_out: int = 0
    waiting: int = 0
    waited: float = 0.0


class DayRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the reports of one day recorded.

    :ivar lag: The largest lag, in seconds.
    :ivar delivered: Total number of events delivered when the last report of the day ran, by destination.
    :ivar spooled: Total number of events read when the last report of the day ran; None if an earlier version made it.
    :ivar totals: Totals when the last report of the day ran, by destination.
    """

    lag: float = 0.0
    delivered: dict[str, int] = {}
    spooled: int | None = None
    totals: dict[str, Totals] = {}


class HourRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the reports of one hour recorded.

    :ivar lag: The largest lag, in seconds.
    :ivar delivered: Number of events delivered since the report before, by destination.
    """

    lag: float = 0.0
    delivered: dict[str, int] = {}


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is remembered between the reports of one pipeline.

    :ivar key: Key of the digests that represent actors, created once.
    :ivar actions: All actions that were ever seen.
    :ivar actors: Digests of actors of security-relevant actions, with the last day on which they performed one.
    :ivar hours: By start of the hour, aware UTC.
    :ivar given: Total number of events delivered when the last report ran, by destination.
    :ivar judged: How many events of a day were counted when it was examined, by day.
    :ivar since: The day of the first report; None if an earlier version made it.
    :ivar tellers: Notifiers, with the time from which on they send findings.
    :ivar full: There were more actions than can be remembered, so an unknown action may have occurred before.
    """

    key: str
    actions: list[str] = []
    actors: dict[str, date] = {}
    full: bool = False
    findings: list[KeptFinding] = []
    days: dict[date, DayRecord] = {}
    hours: dict[datetime, HourRecord] = {}
    given: dict[str, int] = {}
    judged: dict[date, int] = {}
    since: date | None = None
    tellers: dict[str, datetime] = {}

    def digest(self, actor: str) -> str:
        """Return the digest that represents an actor, because names are not kept longer than the counts of a day."""
        return hashlib.blake2b(actor.encode(), key=bytes.fromhex(self.key), digest_size=_DIGEST_BYTES).hexdigest()

    def learn(self, actions: Iterable[str], actors: Iterable[tuple[str, date]]) -> None:
        """Remember actions, and actors with the day of their action."""
        known = dict.fromkeys([*self.actions, *actions])
        self.full = self.full or len(known) > MOST_ACTIONS_KNOWN
        self.actions = list(known)[:MOST_ACTIONS_KNOWN]
        for actor, day in actors:
            digest = self.digest(actor)
            self.actors[digest] = max(day, self.actors.get(digest, day))
        if len(self.actors) > MOST_ACTORS_KNOWN:
            latest = sorted(self.actors.items(), key=lambda each: each[1], reverse=True)
            self.actors = dict(latest[:MOST_ACTORS_KNOWN])

    def note(self, now: datetime, lag: float | None, delivered: dict[str, int]) -> None:
        """Record the lag and the totals of deliveries of a report."""
        today = self.days.setdefault(now.date(), DayRecord())
        today.lag = max(today.lag, lag or 0.0)
        today.delivered = dict(delivered)
        kept = now.date() - timedelta(days=KEPT_DAYS)
        self.days = {day: each for day, each in sorted(self.days.items()) if day >= kept}
        self._note_hour(now, lag, delivered)

    def note_totals(self, today: date, spooled: int, totals: Mapping[str, Totals]) -> None:
        """Record the totals of events read and delivered; called after :meth:`note`."""
        record = self.days[today]
        for destination, each in totals.items():
            known = record.totals.get(destination)
            each.waited = max(each.waited, known.waited if known else 0.0)
        record.spooled, record.totals = spooled, dict(totals)

    def by_day(self) -> tuple[DayAccount, ...]:
        """Return what was read and delivered on each day for which its totals and those of the day before are known.

        Everything that a pipeline had read before its first report counts for the day of that report.
        """
        found = []
        before: DayRecord | None = None
        for day, record in sorted(self.days.items()):
            if record.spooled is None:
                continue
            if before is None and day == self.since:
                before = DayRecord(spooled=0)
            if before is not None:
                served = {
                    name: _on_day(totals, before.totals.get(name, Totals())) for name, totals in record.totals.items()
                }
                found.append(DayAccount(day, _more(record.spooled, before.spooled or 0), served))
            before = record
        return tuple(found)

    def _note_hour(self, now: datetime, lag: float | None, delivered: dict[str, int]) -> None:
        begin = now.replace(minute=0, second=0, microsecond=0)
        hour = self.hours.setdefault(begin, HourRecord())
        hour.lag = max(hour.lag, lag or 0.0)
        for destination, total in delivered.items():
            # It is not known when the events before the first report were delivered, so these do not count. The totals
            # start over if the position is deleted.
            new = total - self.given.get(destination, total)
            if new > 0:
                hour.delivered[destination] = hour.delivered.get(destination, 0) + new
        self.given = dict(delivered)
        self.hours = {each: record for each, record in sorted(self.hours.items()) if begin - each < KEPT_HOURS}

    def settle(self, findings: Sequence[Finding], lasting: Sequence[Finding], now: datetime) -> list[Finding]:
        """Add the findings of a report and return the new ones.

        :param findings: findings about events; each is kept.
        :param lasting: findings about states that still last; if a state ends, its finding is dropped, so that it is
            reported again if the state returns.
        """
        known = {kept.finding.id: kept for kept in self.findings}
        last = {each.id for each in lasting}
        new = []
        for each in dict.fromkeys((*findings, *lasting)):
            if each.id not in known:
                known[each.id] = KeptFinding(finding=each, found_at=now, lasting=each.id in last)
                new.append(each)
            else:
                # The beginning stays; the size is updated.
                known[each.id].finding = replace(each, at=known[each.id].finding.at)
        oldest = now - timedelta(days=KEPT_DAYS)
        kept = [
            each for each in known.values() if (each.finding.id in last if each.lasting else each.found_at >= oldest)
        ]
        kept.sort(key=lambda each: (each.lasting, each.found_at), reverse=True)
        self.findings = kept[:MOST_FINDINGS]
        return new

    def meet(self, tellers: Iterable[str], now: datetime) -> None:
        """Remember the current notifiers. A new one sends the findings of the last day, not all of the past."""
        self.tellers = {each: self.tellers.get(each, back_by(now, _TELL_WITHIN)) for each in tellers}

    def untold(self, notifier: str, now: datetime) -> list[KeptFinding]:
        """Return the findings that a notifier has still to send: all since it was added, even if it failed for long."""
        since = self.tellers.get(notifier, back_by(now, _TELL_WITHIN))
        return [each for each in self.findings if notifier not in each.told and each.found_at >= since]


def _on_day(after: Totals, before: Totals) -> DayDelivery:
    return DayDelivery(
        delivered=_more(after.taken, before.taken),
        set_aside=_more(after.set_aside, before.set_aside),
        left_out=_more(after.left_out, before.left_out),
        waiting=after.waiting,
        waited=after.waited,
    )


def _more(after: int, before: int) -> int:
    """Return by how much a total has grown; a smaller total means that the position was deleted and it started over."""
    return after - before if after >= before else after
