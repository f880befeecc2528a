"""The object of an action: how it is read from a record, and written in a sentence.

An object is kept as one text of three lines: its type, its id, and the user or group that was also acted on. So each
can be redacted by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audit_provider.core.monitoring.activity import MOST_LETTERS, REST
from audit_provider.core.monitoring.summary import WatchedCounts

if TYPE_CHECKING:
    from datetime import date

    from audit_provider.core.monitoring.activity import Day
    from audit_provider.core.records.derived_names import Part, Role

OBJECT_FIELDS: tuple[str, ...] = ("object_type", "object_id", "target_email", "target_user", "target_group")
"""The fields of a source from which an object may come."""

OBJECT_ROLES: tuple[Role, ...] = ("object_type", "object", "target")
"""The roles of an object's lines."""

DAYS_LISTED = 7
"""Last days for which a report lists actions with actor and object."""

MOST_LISTED = 20


def object_of(found: Mapping[str, str], actor: str) -> str:
    """Return the object of a record; "" if it names neither an object nor a user nor a group.

    :param found: values of :data:`OBJECT_FIELDS`, as far as the record has them. :param actor: never named as target.
    """
    lines = {name: " ".join(text.split())[:MOST_LETTERS] for name, text in found.items()}
    name = lines.get("object_id", "")
    targets = (lines.get(each, "") for each in OBJECT_FIELDS[2:])
    target = next((each for each in targets if each not in ("", name, actor)), "")
    return "\n".join((lines.get("object_type", ""), name, target)) if name or target else ""


def lines_of(thing: str) -> tuple[str, str, str]:
    """Return the type, the id and the target of an object that :func:`object_of` returned."""
    kind, name, target = [*thing.split("\n", 2), "", ""][:3]
    return kind, name, target


def parts_of(thing: str) -> list[Part]:
    """Return an object as parts of a sentence: ``role r-1 (ann@example.com)``."""
    found: list[Part] = []
    for role, text in zip(OBJECT_ROLES, lines_of(thing), strict=True):
        if not text:
            continue
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        in_brackets = role == "target" and bool(found)
        found += [" (" if in_brackets else " "] if found else []
        found.append((role, printable))
        found += [")"] if in_brackets else []
    return found


def watched_counts(days: Sequence[Day]) -> tuple[WatchedCounts, ...]:
    """Return actions with actor and object on the last days: the newest first, then the most frequent.

    :param days: oldest first; events that a backfill has read are left out.
    """
    counts: dict[tuple[str, str, str], tuple[date, int]] = {}
    for day in days[-DAYS_LISTED:]:
        for action, actor, thing, count in _watched(day):
            before = counts.get((action, actor, thing), (day.day, 0))[1]
            counts[action, actor, thing] = day.day, before + count
    order = sorted(counts, key=lambda key: (*counts[key], key), reverse=True)
    return tuple(WatchedCounts(key[0], key[1], *counts[key], *lines_of(key[2])) for key in order[:MOST_LISTED])


def _watched(day: Day) -> Iterator[tuple[str, str, str, int]]:
    """Yield each action, actor and object of a day with its number of events; the object is "" if it is not known."""
    for action, actors in day.watched.items():
        known = day.objects.get(action, {})
        for actor, total in actors.items():
            named = {thing: count for thing, count in known.get(actor, {}).items() if thing != REST}
            for thing, count in named.items():
                yield action, actor, thing, count
            if (left := total - sum(named.values())) > 0:
                yield action, actor, "", left
