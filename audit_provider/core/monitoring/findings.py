"""What is new, and what matters to security: by action, actor and address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.monitoring.activity import REST
from audit_provider.core.monitoring.figures import begin_of
from audit_provider.core.monitoring.summary import Finding, Kind, finding_id

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.monitoring.activity import Day
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.figures import Figures
    from audit_provider.core.monitoring.memory import Memory
    from audit_provider.core.monitoring.settings import Monitoring

MOST_AT_ONCE = 20
"""New actions, actors or bursts that one report tells one by one."""

RECENT_DAYS = 2
"""Today and so many days before are looked at. What is older came with a backfill."""

_TIMES_THE_MOST = 3  # how far a burst must lie above the failures that a name has had before
_NAMED = 3


def noteworthy(
    figures: Figures, classifier: Classifier, memory: Memory, settings: Monitoring, now: datetime
) -> list[Finding]:
    """Return never-seen actions, never-seen actors of what matters to security, that itself, and failed-login bursts.

    What was seen here is remembered, so that it is new once.
    """
    recent = [day for day in figures.days if day.day >= now.date() - timedelta(days=RECENT_DAYS)]
    _learn(memory, [day for day in figures.days if day not in recent])
    known_actions, known_actors = set(memory.actions), set(memory.actors)
    found: list[Finding] = []
    for day in recent:
        begin, end = figures.history(day.day)
        if end - begin >= settings.least_days and not memory.full:
            found += _bounded("new_action", day, _new_actions(day, known_actions))
        if end - begin >= settings.least_days:
            found += _bounded("new_actor", day, _new_actors(day, classifier, memory, known_actors))
        known_actions.update(day.actions)
        known_actors.update(memory.digest(actor) for actors in day.watched.values() for actor in actors)
        found += _watched(day)
        found += _bounded("failed_logins", day, _bursts(day, figures.days, settings))
    _learn(memory, recent)
    return found


def _learn(memory: Memory, days: Sequence[Day]) -> None:
    memory.learn(
        (action for day in days for action in day.actions),
        ((actor, day.day) for day in days for actors in day.watched.values() for actor in actors),
    )


def _new_actions(day: Day, known: set[str]) -> Iterator[Finding]:
    for action in sorted(day.actions.keys() - known):
        hours = day.actions[action]
        yield Finding(
            id=finding_id("new_action", action),
            kind="new_action",
            severity="info",
            title=f"The action {shown(action)} was never seen before; it happened {_times(sum(hours))} on {day.day}.",
            at=begin_of(day.day, _first(hours)),
            subject=action,
            count=sum(hours),
        )


def _new_actors(day: Day, classifier: Classifier, memory: Memory, known: set[str]) -> Iterator[Finding]:
    first: dict[str, list[str]] = {}
    for action, actors in day.watched.items():
        # Whoever fails to sign in may be anybody.
        if classifier.of(action).meaning.kind == "authentication":
            continue
        for actor in actors:
            if actor != REST and memory.digest(actor) not in known:
                first.setdefault(actor, []).append(action)
    for actor, actions in sorted(first.items()):
        count = sum(day.watched[action][actor] for action in actions)
        yield Finding(
            id=finding_id("new_actor", actor, str(day.day)),
            kind="new_actor",
            severity="warning",
            title=f"{shown(actor)} did {_list([shown(each) for each in actions])} on {day.day}, and nothing that "
            f"matters to security before.",
            at=begin_of(day.day, min(_first(day.actions.get(action, ())) for action in actions)),
            subject=actor,
            count=count,
        )


def _watched(day: Day) -> Iterator[Finding]:
    for action, actors in day.watched.items():
        named = sorted((each for each in actors if each != REST), key=lambda each: -actors[each])
        by = f", by {_list([shown(each) for each in named])}" if named else ""
        yield Finding(
            id=finding_id("security_action", action, str(day.day)),
            kind="security_action",
            severity="info",
            title=f"{shown(action)} happened {_times(sum(actors.values()))} on {day.day}{by}.",
            at=begin_of(day.day, _first(day.actions.get(action, ()))),
            subject=action,
            count=sum(actors.values()),
        )


def _bursts(day: Day, days: Sequence[Day], settings: Monitoring) -> Iterator[Finding]:
    before = [each for each in days if each.day < day.day]
    for names_of, least, of in (
        (_by_actor, settings.failed_logins_per_actor, "of"),
        (_by_address, settings.failed_logins_per_address, "from"),
    ):
        most = _most(names_of, before)
        worst: dict[str, tuple[int, int]] = {}
        for hour, names in names_of(day).items():
            for name, count in names.items():
                worst[name] = max(worst.get(name, (0, 0)), (count, hour))
        for name, (count, hour) in sorted(worst.items(), key=lambda each: -each[1][0]):
            usual = most.get(name, 0)
            if count < least or count < _TIMES_THE_MOST * usual:
                continue
            than = f", where {usual} were the most before" if usual else ""
            yield Finding(
                id=finding_id("failed_logins", of, name, str(day.day)),
                kind="failed_logins",
                severity="warning",
                title=f"{count} failed logins {of} {shown(name)} in the hour from {hour:02}:00 UTC on {day.day}{than}.",
                at=begin_of(day.day, hour),
                subject=name,
                count=count,
                high=float(max(least - 1, _TIMES_THE_MOST * usual)),
            )


def _by_actor(day: Day) -> Mapping[int, Mapping[str, int]]:
    return day.failed_by_actor


def _by_address(day: Day) -> Mapping[int, Mapping[str, int]]:
    return day.failed_by_address


def _most(names_of: Callable[[Day], Mapping[int, Mapping[str, int]]], days: Sequence[Day]) -> dict[str, int]:
    """Return the most failed logins in one hour, by name; a name's worst day may have been a burst, and is left out."""
    by_day: dict[str, list[int]] = {}
    for day in days:
        worst: dict[str, int] = {}
        for names in names_of(day).values():
            for name, count in names.items():
                worst[name] = max(worst.get(name, 0), count)
        for name, count in worst.items():
            by_day.setdefault(name, []).append(count)
    return {name: sorted(counts)[-2] for name, counts in by_day.items() if len(counts) > 1}


def _bounded(kind: Kind, day: Day, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings one by one, and what are too many as one."""
    found = list(findings)
    yield from found[:MOST_AT_ONCE]
    rest = found[MOST_AT_ONCE:]
    if rest:
        yield Finding(
            id=finding_id(kind, REST, str(day.day)),
            kind=kind,
            severity=rest[0].severity,
            title=f"{len(rest)} more findings of the kind {kind} on {day.day}.",
            at=min(each.at for each in rest),
            subject=REST,
            count=sum(each.count for each in rest),
        )


def shown(name: str) -> str:
    """Return a vendor's name as a sentence may hold it: on one line, and something where it is empty."""
    text = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return text or "(none)"


def _list(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _first(hours: Sequence[int]) -> int:
    return next((hour for hour, count in enumerate(hours) if count), 0)
