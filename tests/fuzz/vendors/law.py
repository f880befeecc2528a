"""The law that no vendor may break, in one place.

*What was served is in the spool exactly as often as it was served, or the run is not green, or a gap or a word names
it.* Equal id and equal bytes is one event; anything else is not. And what can be understood never stands still.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

from tests.fuzz.vendors.desk import BEGIN, REACH, Desk
from tests.fuzz.vendors.log import Held
from tests.fuzz.vendors.written import NO_TIMES

REFUSED = ("records without an id cannot be told apart", "pages in a row are the same")
"""Of errors about equal records without an id that fill whole pages: nobody can tell those from a page that came again,
so they are refused in words."""

Key = tuple[Any, str]
"""What an event is known by here: its id, and what else tells it apart."""


def broken(desk: Desk) -> list[str]:
    """Return one sentence per breach of the law by the runs of a desk; none where it holds."""
    return [*_counts(desk), *_times(desk), *_account(desk), *_standing_still(desk), *_requests(desk)]


def _counts(desk: Desk) -> list[str]:
    found = Counter(_key_of(json_of(bytes(event.raw)), desk) for event in desk.spooled())
    most, least = _most(desk), _least(desk)
    names = []
    for key in sorted({*found, *most, *least}, key=str):
        if found[key] > most[key]:
            names.append(f"{key} is in the spool {found[key]} times, it was served {most[key]} times")
        elif found[key] < least[key] and not _is_named(desk, key):
            names.append(f"{key} is in the spool {found[key]} times, it must be there {least[key]} times")
    return names


def _most(desk: Desk) -> Counter[Key]:
    """Return how often each event may be in the spool: as often as there are rows of it that were ever served."""
    rows = {each.number: each for served in desk.service.served.values() for each in served}
    return _counted(rows.values(), desk)


def _least(desk: Desk) -> Counter[Key]:
    """Return how often each event must be in the spool: what a green run was served, and what it was bound to ask for.

    After green runs at the end that is all that stands in the log from the start on.
    """
    green = [number for number, done in enumerate(desk.done) if done.green]
    rows = {
        each.number: each
        for number in green
        for each in desk.service.served[number]
        if each.time <= desk.done[number].until  # one that is dated ahead is read once its time has come
    }
    if desk.done[-1].green:
        rows |= {each.number: each for each in desk.service.log.rows}
    start = BEGIN - REACH
    return _counted([each for each in rows.values() if each.time >= start], desk)


def _counted(rows: Any, desk: Desk) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    for each in rows:
        key = key_of_row(each, desk)
        counts[key] = 1 if key[0] is not None else counts[key] + 1
    return counts


def key_of_row(held: Held, desk: Desk) -> Key:
    """Return the key of a row; an empty id is none."""
    name = held.row.name if desk.vendor.id_at else None
    return (None if name in (None, "") else str(name), held.row.mark)


def _key_of(record: dict[str, Any], desk: Desk) -> Key:
    found: Any = record
    for key in desk.vendor.id_at.split(".") if desk.vendor.id_at else ():
        found = found.get(key) if isinstance(found, dict) else None
    name = found if desk.vendor.id_at and found not in (None, "") else None
    return (None if name is None else str(name), str(record.get("mark")))


def json_of(raw: bytes) -> dict[str, Any]:
    """Return a spooled record, however strange; of one that nothing can read, what a search finds."""
    text = raw.decode(errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=str)  # a number of 5,000 digits is one
    except (ValueError, RecursionError):
        found = {key: re.search(rf'"{key}"\s*:\s*"?([^",}}]+)', text) for key in ("id", "mark")}
        return {key: match[1] for key, match in found.items() if match}


def _is_named(desk: Desk, key: Key) -> bool:
    """Whether a gap holds the event's time, or a word says that it was set aside or, without an id, counted once."""
    rows = [each for each in desk.service.log.held if key_of_row(each, desk) == key]
    in_gap = any(gap.wanted <= each.time <= gap.possible for gap in desk.gaps for each in rows)
    set_aside = any(each.row.odd for each in rows) and any("set aside" in line for line in desk.told)
    counted_once = key[0] is None and any("counted once" in line for line in desk.told)
    return in_gap or set_aside or counted_once


def _times(desk: Desk) -> list[str]:
    """An event has its record's time, or the record is counted as one without."""
    if desk.undated or desk.vendor.time_form in NO_TIMES:
        return []
    times: dict[Key, set[datetime]] = {}
    for each in desk.service.log.held:
        times.setdefault(key_of_row(each, desk), set()).add(each.time)
    events = [(_key_of(json_of(bytes(event.raw)), desk), event.time) for event in desk.spooled()]
    wrong = [(key, time) for key, time in events if key in times and time not in times[key]]
    return [f"{key} has the time {time}, its record {sorted(times[key])}" for key, time in wrong[:1]]


def _account(desk: Desk) -> list[str]:
    counts, there = desk.position.counts, len(desk.spooled())
    right = counts.spooled == there and counts.read == counts.spooled + counts.duplicates
    return [] if right else [f"the account says {counts}, the spool holds {there}"]


def _standing_still(desk: Desk) -> list[str]:
    """A vendor that says all that it does is read to the end once its trouble is over."""
    vendor = desk.vendor
    empty_said = vendor.empty == "list" or vendor.absent_ok
    if not (vendor.declared and empty_said) or desk.done[-1].green:
        return []
    if any(words in desk.done[-1].error for words in REFUSED):
        return []
    return [f"the last run ended with {desk.done[-1].kind}: {desk.done[-1].error}"]


def _requests(desk: Desk) -> list[str]:
    """No request comes before the wait is over, and each is as the description says."""
    hurried = [f"asked again too early after {each}" for each in dict.fromkeys(desk.service.hurried)]
    wrong = dict.fromkeys(desk.service.wrong) if desk.vendor.declared else ()
    return [*hurried, *(f"a request was wrong: {each}" for each in wrong)]
