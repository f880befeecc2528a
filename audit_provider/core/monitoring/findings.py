"""What is new, and what matters to security: by action, actor and address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.derived_names import Part, sentence
from audit_provider.core.monitoring.activity import REST
from audit_provider.core.monitoring.figures import begin_of
from audit_provider.core.monitoring.summary import Finding, Kind, finding_id

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.derived_names import Role
    from audit_provider.core.monitoring.activity import Day, Names
    from audit_provider.core.monitoring.categories import Classifier
    from audit_provider.core.monitoring.figures import Figures
    from audit_provider.core.monitoring.memory import Memory
    from audit_provider.core.monitoring.settings import Monitoring

    _Failures = Callable[[Names], Mapping[int, Mapping[str, int]]]

MOST_AT_ONCE = 20
"""New actions, actors or bursts that one report tells one by one."""

RECENT_DAYS = 2
"""Today and so many days before are looked at in every report; other days where something new is counted of them."""

_TIMES_THE_MOST = 3  # how far a burst must lie above the failures that a name has had before
_NAMED = 3


def noteworthy(
    figures: Figures, classifier: Classifier, memory: Memory, settings: Monitoring, now: datetime
) -> list[Finding]:
    """Return never-seen actions, never-seen actors of what matters to security, that itself, and failed-login bursts.

    What was seen here is remembered, so that it is new once. A day is looked at again whenever events of it are newly
    counted, however late they were read; those of a backfill are not looked at. What happened before the first report,
    which is all of the log that a pipeline begins with, is told in short: one finding a day, and bursts.
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
    """Return the days that are looked at in full: the last ones, and those of which new events are counted."""
    recent = now.date() - timedelta(days=RECENT_DAYS)
    # Where an earlier version made the first report, that was long ago.
    first = min(recent, memory.since - timedelta(days=RECENT_DAYS)) if memory.since else date.min
    return {day.day for day in figures.days if day.day >= recent or (day.day >= first and _is_new(day, memory))}


def _is_new(day: Day, memory: Memory) -> bool:
    """Whether events of a day are counted that no report has looked at."""
    return day.live > memory.judged.get(day.day, 0)


def _learn(memory: Memory, days: Sequence[Day]) -> None:
    memory.learn(
        (action for day in days for action in day.actions),
        ((actor, day.day) for day in days for actor in _actors(day)),
    )


def _actors(day: Day) -> Iterator[str]:
    """Yield who has done what matters to security, also as a backfill tells."""
    for names in (day, day.backfilled):
        for actors in names.watched.values():
            yield from actors


def _new_actions(day: Day, known: set[str], memory: Memory) -> Iterator[Finding]:
    for action in sorted(day.actions.keys() - known - set(day.backfilled_only)):
        hours = day.actions[action]
        title, names = sentence(
            "The action ",
            ("action", shown(action)),
            f" was never seen before; it happened {_times(sum(hours))} on {day.day}.",
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
        # Whoever fails to sign in may be anybody.
        if classifier.of(action).meaning.kind == "authentication":
            continue
        for actor in actors:
            if actor != REST and memory.digest(actor) not in known:
                first.setdefault(actor, []).append(action)
    for actor, actions in sorted(first.items()):
        count = sum(day.watched[action][actor] for action in actions)
        title, names = sentence(
            ("actor", shown(actor)),
            " did ",
            *_list("action", actions),
            f" on {day.day}, and nothing that matters to security before.",
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
        title, names = sentence(*_what_happened(action, actors, f" on {day.day}"), ".")
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
    parts: list[Part] = [f"On {day.day}, before this pipeline was watched: "]
    for place, action in enumerate(most[:_NAMED]):
        parts += [*(["; "] if place else []), *_what_happened(action, day.watched[action], "")]
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


def _what_happened(action: str, actors: Mapping[str, int], when: str) -> list[Part]:
    named = sorted((each for each in actors if each != REST), key=lambda each: -actors[each])
    by: list[Part] = [", by ", *_list("actor", named)] if named else []
    return [("action", shown(action)), f" happened {_times(sum(actors.values()))}{when}", *by]


def _bursts(day: Day, days: Sequence[Day], settings: Monitoring, memory: Memory) -> Iterator[Finding]:
    before = [each for each in days if each.day < day.day]
    ways: tuple[tuple[_Failures, int, str, Role], ...] = (
        (_by_actor, settings.failed_logins_per_actor, "of", "actor"),
        (_by_address, settings.failed_logins_per_address, "from", "address"),
    )
    for names_of, least, of, role in ways:
        most = _most(names_of, before)
        worst: dict[str, tuple[int, int]] = {}
        for hour, counts in names_of(day).items():
            for name, count in counts.items():
                worst[name] = max(worst.get(name, (0, 0)), (count, hour))
        for name, (count, hour) in sorted(worst.items(), key=lambda each: -each[1][0]):
            usual = most.get(name, 0)
            if count < least or count < _TIMES_THE_MOST * usual:
                continue
            than = f", where {usual} were the most before" if usual else ""
            title, names = sentence(
                f"{count} failed logins {of} ",
                (role, shown(name)),
                f" in the hour from {hour:02}:00 UTC on {day.day}{than}.",
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
    """Return the most failed logins in one hour, by name; a name's worst day may have been a burst, and is left out."""
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
            names=(),
        )


def shown(name: str) -> str:
    """Return a vendor's name as a sentence may hold it: on one line, and something where it is empty."""
    text = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return text or "(none)"


def _list(role: Role, names: Sequence[str]) -> Iterator[Part]:
    """Yield the first of some names, with commas between, and how many more there are."""
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
