"""What findings remember: what was seen before, what was found, and which notifiers have sent it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec

from audit_provider.core.model import back_by
from audit_provider.core.monitoring.activity import KEPT_DAYS
from audit_provider.core.monitoring.summary import Finding

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


class DayRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What reports saw on one day.

    :ivar lag: The largest lag, in seconds.
    :ivar delivered: Total number of events delivered when the last report of the day ran, by destination.
    """

    lag: float = 0.0
    delivered: dict[str, int] = {}


class HourRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What reports saw in one hour.

    :ivar lag: The largest lag, in seconds.
    :ivar delivered: Number of events delivered since the report before, by destination.
    """

    lag: float = 0.0
    delivered: dict[str, int] = {}


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the findings of one pipeline remember.

    :ivar key: Key of the digests that represent actors, created once.
    :ivar actions: All actions that were ever seen.
    :ivar actors: Digests of actors of security-relevant actions, with the last day on which they performed one.
    :ivar hours: By start of the hour, aware UTC.
    :ivar given: Total number of events delivered when the last report ran, by destination.
    :ivar judged: How many events of a day were counted when it was examined, by day.
    :ivar since: The day of the first report; None if an earlier version made it.
    :ivar tellers: Notifiers, with the time from which on they send findings.
    :ivar full: More was seen than can be remembered, so an unknown action may have been seen before.
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
        """Return the digest that represents an actor: names are not kept for longer than the counts of a day."""
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
        """Remember what a report saw."""
        today = self.days.setdefault(now.date(), DayRecord())
        today.lag = max(today.lag, lag or 0.0)
        today.delivered = dict(delivered)
        kept = now.date() - timedelta(days=KEPT_DAYS)
        self.days = {day: each for day, each in sorted(self.days.items()) if day >= kept}
        self._note_hour(now, lag, delivered)

    def _note_hour(self, now: datetime, lag: float | None, delivered: dict[str, int]) -> None:
        begin = now.replace(minute=0, second=0, microsecond=0)
        hour = self.hours.setdefault(begin, HourRecord())
        hour.lag = max(hour.lag, lag or 0.0)
        for destination, total in delivered.items():
            # What was given before the first report, nobody knows when; and counting begins anew without a position.
            new = total - self.given.get(destination, total)
            if new > 0:
                hour.delivered[destination] = hour.delivered.get(destination, 0) + new
        self.given = dict(delivered)
        self.hours = {each: record for each, record in sorted(self.hours.items()) if begin - each < KEPT_HOURS}

    def settle(self, findings: Sequence[Finding], lasting: Sequence[Finding], now: datetime) -> list[Finding]:
        """Take in what a report has found and return what is new.

        :param findings: each is kept from now on.
        :param lasting: states that last; one that has ended is forgotten, so that it is reported again if it returns.
        """
        known = {kept.finding.id: kept for kept in self.findings}
        last = {each.id for each in lasting}
        new = []
        for each in dict.fromkeys((*findings, *lasting)):
            if each.id not in known:
                known[each.id] = KeptFinding(finding=each, found_at=now, lasting=each.id in last)
                new.append(each)
            else:
                # When it began stays; how large it is by now does not.
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
        """Return the findings that a notifier has not sent since it was added, however long it has failed."""
        since = self.tellers.get(notifier, back_by(now, _TELL_WITHIN))
        return [each for each in self.findings if notifier not in each.told and each.found_at >= since]
