"""Findings about new and security-relevant activity: by action, actor and address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.monitoring.activity import REST
from audit_provider.core.monitoring.baseline import begin_of
from audit_provider.core.monitoring.objects import parts_of
from audit_provider.core.monitoring.summary import Finding, Kind, finding_id
from audit_provider.core.records.derived_names import Part, sentence

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.monitoring.activity import Day, Names
    from audit_provider.core.monitoring.baseline import Figures
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.memory import Memory
    from audit_provider.core.monitoring.settings import Monitoring
    from audit_provider.core.records.derived_names import Role

    _Failures = Callable[[Names], Mapping[int, Mapping[str, int]]]

MOST_AT_ONCE = 20
"""Most new actions, actors or bursts of one day with a finding each; one finding summarises the rest."""

RECENT_DAYS = 2
"""Today and this many days before are examined in every report; other days only if new events were counted for them."""

_TIMES_THE_MOST = 3  # a burst is at least this many times the failures that a name had before
_NAMED = 3


def noteworthy(
    figures: Figures, classifier: Classifier, memory: Memory, settings: Monitoring, now: datetime
) -> list[Finding]:
    """Return findings: new actions, security-relevant actions and their new actors, and bursts of failed logins.

    Actions and actors are remembered, so they are new only once. A day is examined again if new events were counted for
    it, however late they were read; events of a backfill are not examined. The time before the first report is only
    summarised, with one finding per day, and bursts, because a pipeline begins with a whole log.
    """
    fresh = fresh_days(figures, memory, now)
    known_actions, known_actors = set(memory.actions), set(memory.actors)
    found: list[Finding] = []
    for day in figures.days:
        if day.day in fresh:
            begin, end = figures.history(day.day)
            if end - begin >= settings.least_days and not memory.full:
                found += _bounded("new_action", day, _new_actions(day, known_actions, memory))
            if end - begin >= settings.least_days:
                found += _bounded("new_actor", day, _new_actors(day, classifier, memory, known_actors))
            found += _watched(day, memory)
        elif _is_new(day, memory):
            found += _watched_in_short(day, memory)
        if day.day in fresh or _is_new(day, memory):
            found += _bounded("failed_logins", day, _bursts(day, figures.days, settings, memory))
        known_actions.update(day.actions)
        known_actors.update(map(memory.digest, _actors(day)))
    _learn(memory, figures.days)
    memory.judged = {day.day: day.live for day in figures.days if day.live}
    return found


def fresh_days(figures: Figures, memory: Memory, now: datetime) -> set[date]:
    """Return the days that are examined in full: the last ones, and those with newly counted events."""
    recent = now.date() - timedelta(days=RECENT_DAYS)
    # An earlier version did not record the first report, which then was long ago.
    first = min(recent, memory.since - timedelta(days=RECENT_DAYS)) if memory.since else date.min
    return {day.day for day in figures.days if day.day >= recent or (day.day >= first and _is_new(day, memory))}


def _is_new(day: Day, memory: Memory) -> bool:
    """Return whether a day has counted events that no report has examined."""
    return day.live > memory.judged.get(day.day, 0)


def _learn(memory: Memory, days: Sequence[Day]) -> None:
    memory.learn(
        (action for day in days for action in day.actions),
        ((actor, day.day) for day in days for actor in _actors(day)),
    )


def _actors(day: Day) -> Iterator[str]:
    """Yield the actors of security-relevant actions, including those that a backfill has found."""
    for names in (day, day.backfilled):
        for actors in names.watched.values():
            yield from actors


def _new_actions(day: Day, known: set[str], memory: Memory) -> Iterator[Finding]:
    for action in sorted(day.actions.keys() - known - set(day.backfilled_only)):
        hours = day.actions[action]
        title, names = sentence(
            "The action ",
            ("action", shown(action)),
            f" occurred for the first time: {_times(sum(hours))} on {day.day}.",
        )
        yield Finding(
            id=finding_id("new_action", memory.key, action),
            kind="new_action",
            severity="info",
            title=title,
            at=begin_of(day.day, _first(hours)),
            subject=action,
            count=sum(hours),
            names=names,
            subject_is="action",
        )


def _new_actors(day: Day, classifier: Classifier, memory: Memory, known: set[str]) -> Iterator[Finding]:
    first: dict[str, list[str]] = {}
    for action, actors in day.watched.items():
        # Anybody may enter any name in a failed sign-in.
        if classifier.of(action).meaning.kind == "authentication":
            continue
        for actor in actors:
            if actor != REST and memory.digest(actor) not in known:
                first.setdefault(actor, []).append(action)
    for actor, actions in sorted(first.items()):
        count = sum(day.watched[action][actor] for action in actions)
        title, names = sentence(
            ("actor", shown(actor)),
            " performed ",
            *_list("action", actions),
            f" on {day.day}, the first security-relevant activity of this actor",
            *_affecting([day.objects.get(action, {}).get(actor, {}) for action in actions]),
            ".",
        )
        yield Finding(
            id=finding_id("new_actor", memory.key, actor, str(day.day)),
            kind="new_actor",
            severity="warning",
            title=title,
            at=begin_of(day.day, min(_first(day.actions.get(action, ())) for action in actions)),
            subject=actor,
            count=count,
            names=names,
            subject_is="actor",
        )


def _watched(day: Day, memory: Memory) -> Iterator[Finding]:
    for action, actors in day.watched.items():
        title, names = sentence(*_what_happened(action, day, f" on {day.day}"), ".")
        yield Finding(
            id=finding_id("security_action", memory.key, action, str(day.day)),
            kind="security_action",
            severity="info",
            title=title,
            at=begin_of(day.day, _first(day.actions.get(action, ()))),
            subject=action,
            count=sum(actors.values()),
            names=names,
            subject_is="action",
        )


def _watched_in_short(day: Day, memory: Memory) -> Iterator[Finding]:
    if not day.watched:
        return
    most = sorted(day.watched, key=lambda action: -sum(day.watched[action].values()))
    parts: list[Part] = [f"On {day.day}, before monitoring began: "]
    for place, action in enumerate(most[:_NAMED]):
        parts += [*(["; "] if place else []), *_what_happened(action, day, "")]
    rest = len(most) - _NAMED
    more = f"; and {rest} more {'action' if rest == 1 else 'actions'}" if rest > 0 else ""
    title, names = sentence(*parts, f"{more}.")
    yield Finding(
        id=finding_id("security_action", memory.key, REST, str(day.day), *sorted(day.watched)),
        kind="security_action",
        severity="info",
        title=title,
        at=begin_of(day.day, min(_first(day.actions.get(action, ())) for action in day.watched)),
        subject=REST,
        count=sum(sum(actors.values()) for actors in day.watched.values()),
        names=names,
    )


def _what_happened(action: str, day: Day, when: str) -> list[Part]:
    """Return the parts of a sentence without its end: the action, and its actors and objects if they are known."""
    actors = day.watched[action]
    affecting = _affecting(day.objects.get(action, {}).values())
    named = sorted((each for each in actors if each != REST), key=lambda each: -actors[each])
    times = f" {_times(sum(actors.values()))}{when}"
    if not named:
        return [("action", shown(action)), " occurred", times, *affecting]
    return [*_list("actor", named), " performed ", ("action", shown(action)), times, *affecting]


def _affecting(counted: Iterable[Mapping[str, int]]) -> list[Part]:
    """Return the parts of a sentence that list the objects that were acted on; none if the source has no objects."""
    totals: dict[str, int] = {}
    for objects in counted:
        for thing, count in objects.items():
            totals[thing] = totals.get(thing, 0) + count
    more_than_kept = totals.pop(REST, 0)
    if not totals:
        return []
    found: list[Part] = [", affecting "]
    ordered = sorted(totals, key=lambda thing: -totals[thing])
    for place, thing in enumerate(ordered[:_NAMED]):
        found += [*([", "] if place else []), *parts_of(thing)]
    if rest := len(ordered[_NAMED:]):
        found.append(f" and {'at least ' if more_than_kept else ''}{rest} more")
    elif more_than_kept:
        found.append(" and others")
    return found


def _bursts(day: Day, days: Sequence[Day], settings: Monitoring, memory: Memory) -> Iterator[Finding]:
    before = [each for each in days if each.day < day.day]
    ways: tuple[tuple[_Failures, int, str, Role, str], ...] = (
        (_by_actor, settings.failed_logins_per_actor, "of", "actor", " failed to log in {} times"),
        (_by_address, settings.failed_logins_per_address, "from", "address", " caused {} failed logins"),
    )
    for names_of, least, of, role, did in ways:
        most = _most(names_of, before)
        worst: dict[str, tuple[int, int]] = {}
        for hour, counts in names_of(day).items():
            for name, count in counts.items():
                worst[name] = max(worst.get(name, (0, 0)), (count, hour))
        for name, (count, hour) in sorted(worst.items(), key=lambda each: -each[1][0]):
            usual = most.get(name, 0)
            if count < least or count < _TIMES_THE_MOST * usual:
                continue
            than = f"; the most in an hour before was {usual:,}" if usual else ""
            title, names = sentence(
                (role, shown(name)), f"{did.format(f'{count:,}')} in the hour from {hour:02}:00 UTC on {day.day}{than}."
            )
            yield Finding(
                id=finding_id("failed_logins", memory.key, of, name, str(day.day)),
                kind="failed_logins",
                severity="warning",
                title=title,
                at=begin_of(day.day, hour),
                subject=name,
                count=count,
                high=float(max(least - 1, _TIMES_THE_MOST * usual)),
                names=names,
                subject_is=role,
            )


def _by_actor(day: Names) -> Mapping[int, Mapping[str, int]]:
    return day.failed_by_actor


def _by_address(day: Names) -> Mapping[int, Mapping[str, int]]:
    return day.failed_by_address


def _most(names_of: _Failures, days: Sequence[Day]) -> dict[str, int]:
    """Return the most failed logins in one hour, by name; a name's worst day may have been a burst and is left out."""
    by_day: dict[str, list[int]] = {}
    for day in days:
        worst: dict[str, int] = {}
        for names in (*names_of(day).values(), *names_of(day.backfilled).values()):
            for name, count in names.items():
                worst[name] = max(worst.get(name, 0), count)
        for name, count in worst.items():
            by_day.setdefault(name, []).append(count)
    return {name: sorted(counts)[-2] for name, counts in by_day.items() if len(counts) > 1}


def _bounded(kind: Kind, day: Day, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings up to the limit, and one finding that summarises the rest."""
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
            names=(),
        )


def shown(name: str) -> str:
    """Return a name from an event for a sentence: on one line, and a placeholder if it is empty."""
    text = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return text or "(none)"


def _list(role: Role, names: Sequence[str]) -> Iterator[Part]:
    """Yield the first names, separated by commas, and how many more there are."""
    for place, name in enumerate(names[:_NAMED]):
        if place:
            yield ", "
        yield role, shown(name)
    if len(names) > _NAMED:
        yield f" and {len(names) - _NAMED} more"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _first(hours: Sequence[int]) -> int:
    return next((hour for hour, count in enumerate(hours) if count), 0)
