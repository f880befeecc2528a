"""Made-up histories of sources, lifelike in what makes monitoring hard, with anomalies that are known."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from audit_provider.core.monitoring.activity import Day

FIRST = date(2026, 1, 5)
LEARNING_DAYS = 30
JUDGED_DAYS = 28

ACTIONS = {
    "login": "authentication.login.success",
    "login_failed": "authentication.login.failure",
    "user_invited": "user.invite",
    "user_deleted": "user.delete",
    "role_changed": "access.update",
    "key_created": "token.create",
    "setting_changed": "settings.update",
    "file_read": "data.read",
    "report_exported": "data.export",
    "page_changed": "content.update",
    "page_made": "content.create",
    "issue_breached": "sla.breach",
    "invoice_paid": "billing.update",
}
WATCHED = ("user_deleted", "role_changed", "key_created")
SHARES = {
    "login": 30,
    "login_failed": 1.5,
    "user_invited": 1,
    "user_deleted": 0.3,
    "role_changed": 0.6,
    "key_created": 0.3,
    "setting_changed": 0.8,
    "file_read": 40,
    "report_exported": 4,
    "page_changed": 18,
    "page_made": 7,
    "issue_breached": 1,
    "invoice_paid": 0.2,
}
CONTENT, DATA = ("page_changed", "page_made"), ("file_read", "report_exported")
_NONE = [0] * 24
ROUTINE = ("page_changed", "file_read", "report_exported")


@dataclass(frozen=True)
class Profile:
    """How a source behaves.

    :ivar volume: events on an ordinary working day. :ivar weekend: share of a weekend day.
    :ivar night: share of a night hour. :ivar growth: per week. :ivar dispersion: variance beyond Poisson's, of hours.
    :ivar moods: spread of whole days (logarithm). :ivar imports: bulk operations a week. :ivar job: events of a nightly
        job, as a share of the day. :ivar weekly: likewise of a job on Mondays. :ivar holidays: working days off.
    :ivar shift: hours by which the working day moves in the midst, as clocks do.
    """

    name: str
    volume: float
    weekend: float = 0.2
    night: float = 0.03
    growth: float = 0.0
    dispersion: float = 0.1
    moods: float = 0.1
    imports: float = 0.0
    job: float = 0.0
    weekly: float = 0.0
    holidays: int = 0
    shift: int = 0


PROFILES = (
    Profile("office", 800, weekend=0.03, night=0.01),
    Profile("office, large", 20_000, growth=0.05),
    Profile("office, small", 60, weekend=0.05),
    Profile("around the clock", 3000, weekend=0.9, night=0.6),
    Profile("around the clock, even", 500, weekend=1, night=1, dispersion=0, moods=0),
    Profile("sparse", 4, weekend=0.1),
    Profile("very sparse", 0.6, weekend=0.5, night=0.5),
    Profile("growing", 600, growth=0.12),
    Profile("shrinking", 900, growth=-0.08),
    Profile("overdispersed", 400, dispersion=0.7, moods=0.3),
    Profile("moody", 1500, moods=0.45),
    Profile("bursting", 120, imports=6, dispersion=0.5),
    Profile("rarely bursting", 150, imports=0.3),
    Profile("nightly job", 300, job=3.0),
    Profile("job alone", 20, job=10.0, weekend=1),
    Profile("weekly job", 300, weekly=4.0),
    Profile("holidays", 700, holidays=2, weekend=0.1),
    Profile("holidays, nobody", 250, holidays=1, weekend=0.0),
    Profile("clock change", 900, weekend=0.05, shift=1),
)


@dataclass(frozen=True)
class Anomaly:
    """What was put into a history. :ivar subject: a category, an action, an actor or an address; "" for all."""

    kind: str
    first: date
    last: date
    subject: str = ""


@dataclass
class History:
    """A source's days, and what was put into them."""

    profile: Profile
    days: list[Day]
    anomalies: list[Anomaly] = field(default_factory=list)


def history_of(profile: Profile, seed: int) -> History:
    """Return a history. The same seed gives the same one."""
    dice = random.Random(f"{profile.name}-{seed}")
    count = LEARNING_DAYS + JUDGED_DAYS
    holidays = set()
    while len(holidays) < profile.holidays:
        day = dice.randrange(7, count)
        if (FIRST + timedelta(days=day)).weekday() < 5:
            holidays.add(day)
    actors = [f"person{each}@example.com" for each in range(1 + int(math.sqrt(profile.volume) * 2))]
    days = [_day(profile, place, dice, actors, place in holidays) for place in range(count)]
    return History(profile, days)


def add_anomalies(history: History, seed: int) -> None:
    """Put one surge, one silence and one of each other kind into the judged days, each into days of its own."""
    dice = random.Random(f"anomalies-{history.profile.name}-{seed}")
    # Two weeks apart at most three of them are in the history of another, as in a bad month.
    free = list(range(LEARNING_DAYS + 1, LEARNING_DAYS + JUDGED_DAYS - 3, 3))
    dice.shuffle(free)
    for put in (_surge, _silence, _category_silence, _new_action, _new_actor, _burst_of_actor, _burst_from_address):
        if anomaly := put(history, dice, free):
            history.anomalies.append(anomaly)


def _day(profile: Profile, place: int, dice: random.Random, actors: list[str], holiday: bool) -> Day:
    day = Day(day=FIRST + timedelta(days=place))
    weekday = day.day.weekday()
    level = profile.volume * (1 + profile.growth) ** (place / 7)
    level *= profile.weekend if weekday > 4 or holiday else 1
    level *= math.exp(dice.gauss(0, profile.moods) - profile.moods**2 / 2)
    shift = profile.shift if place > LEARNING_DAYS + 5 else 0
    shape = [_hour_share(profile, (hour + shift) % 24) for hour in range(24)]
    for hour in range(24):
        mood = dice.gammavariate(1 / profile.dispersion, profile.dispersion) if profile.dispersion else 1.0
        expected = level * shape[hour] / sum(shape) * mood
        for action, share in SHARES.items():
            _put(day, action, hour, _poisson(dice, expected * share / sum(SHARES.values())), dice, actors)
    for action, size, when in (
        ("report_exported", profile.volume * profile.job, True),
        ("page_changed", profile.volume * profile.weekly, weekday == 0),
    ):
        if size and when:
            _put(day, action, 2, _poisson(dice, size), dice, actors)
    if dice.random() < profile.imports / 7:
        _put(
            day, dice.choice(("user_invited", "page_made")), dice.randrange(8, 18), dice.randrange(25, 90), dice, actors
        )
    return day


def _hour_share(profile: Profile, hour: int) -> float:
    return profile.night + max(0.0, math.sin((hour - 7) / 12 * math.pi)) if 7 <= hour <= 19 else profile.night


def _put(day: Day, action: str, hour: int, count: int, dice: random.Random, actors: list[str]) -> None:
    if not count:
        return
    day.actions.setdefault(action, [0] * 24)[hour] += count
    if action in WATCHED:
        # A few administrators do what matters to security.
        for _ in range(count):
            actor = actors[min(int(dice.expovariate(0.7)), len(actors) - 1, 5)]
            day.watched.setdefault(action, defaultdict(int))[actor] += 1
    if action == "login_failed":
        for _ in range(min(count, 500)):
            day.failed_by_actor.setdefault(hour, defaultdict(int))[dice.choice(actors)] += 1
            address = f"203.0.113.{dice.randrange(min(len(actors), 250))}"
            day.failed_by_address.setdefault(hour, defaultdict(int))[address] += 1


def _poisson(dice: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    left, count = math.exp(-mean), -1
    product = 1.0
    while product > left or count < 0:
        product *= dice.random()
        count += 1
    return count


def _surge(history: History, dice: random.Random, free: list[int]) -> Anomaly:
    day = history.days[free.pop()]
    action = dice.choice(ROUTINE)
    alike, category = (CONTENT, "content change") if action in CONTENT else (DATA, "data access")
    hourly = [
        [sum(each.actions.get(name, _NONE)[hour] for name in alike) for hour in range(24)] for each in history.days
    ]
    busiest = sorted(map(max, hourly), reverse=True)[2]
    usual = max(sum(hours) / len(hourly) for hours in zip(*hourly, strict=True))
    size = max(60, dice.uniform(1.7, 4) * busiest, dice.uniform(4, 10) * usual)
    begin = dice.randrange(0, 21)
    hours = day.actions.setdefault(action, [0] * 24)
    for hour in range(begin, begin + dice.randrange(1, 4)):
        hours[hour] += round(size)
    return Anomaly("surge", day.day, day.day, category)


def _silence(history: History, dice: random.Random, free: list[int]) -> Anomaly | None:
    return _stop(history, dice, free, list(SHARES), "")


def _category_silence(history: History, dice: random.Random, free: list[int]) -> Anomaly | None:
    return _stop(history, dice, free, list(CONTENT), "content change")


def _stop(history: History, dice: random.Random, free: list[int], actions: list[str], subject: str) -> Anomaly | None:
    """Stop some actions from a working morning on, for as long as it takes to miss what cannot be chance."""
    profile = history.profile
    place = next((each for each in free if history.days[each].day.weekday() == 1), None)
    share = sum(SHARES[action] for action in actions) / sum(SHARES.values())
    if place is None or profile.volume * share < 60:
        return None
    free.remove(place)
    begin = dice.randrange(0, 9)
    length = 24 if profile.volume * share > 200 and profile.moods < 0.3 and not profile.holidays else 48
    for hour in range(begin, begin + length):
        day = history.days[place + hour // 24]
        for action in actions:
            if action in day.actions:
                day.actions[action][hour % 24] = 0
    first = history.days[place].day
    return Anomaly("silence", first, first + timedelta(days=(begin + length) // 24), subject)


def _new_action(history: History, dice: random.Random, free: list[int]) -> Anomaly:
    day = history.days[free.pop()]
    day.actions["sso_removed"] = [0] * 24
    day.actions["sso_removed"][dice.randrange(24)] = 1
    return Anomaly("new_action", day.day, day.day, "sso_removed")


def _new_actor(history: History, dice: random.Random, free: list[int]) -> Anomaly:
    day = history.days[free.pop()]
    _put(day, "key_created", dice.randrange(24), 1, dice, ["intruder@example.net"])
    return Anomaly("new_actor", day.day, day.day, "intruder@example.net")


def _burst_of_actor(history: History, dice: random.Random, free: list[int]) -> Anomaly:
    day = history.days[free.pop()]
    _fail(day.failed_by_actor, day, dice, "victim@example.com", dice.randrange(20, 60))
    return Anomaly("failed_logins", day.day, day.day, "victim@example.com")


def _burst_from_address(history: History, dice: random.Random, free: list[int]) -> Anomaly:
    day = history.days[free.pop()]
    _fail(day.failed_by_address, day, dice, "198.51.100.7", dice.randrange(40, 200))
    return Anomaly("failed_logins", day.day, day.day, "198.51.100.7")


def _fail(names: dict[int, dict[str, int]], day: Day, dice: random.Random, name: str, count: int) -> None:
    """Let logins fail within ten minutes, which may lie in two hours."""
    hour = dice.randrange(23)
    first = count if dice.random() < 0.8 else count // 2
    for when, part in ((hour, first), (hour + 1, count - first)):
        if part:
            names.setdefault(when, {})[name] = part
            day.actions.setdefault("login_failed", [0] * 24)[when] += part
