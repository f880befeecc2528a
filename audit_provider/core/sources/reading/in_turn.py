"""Several logs of one vendor as one pipeline: each is read by itself, with a state of its own, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError, CircleError, WaitError
from audit_provider.core.model import Gap, text_of
from audit_provider.core.sources.reading.base import Step
from audit_provider.core.times import time_from

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.sources.pages import PageReader
    from audit_provider.core.sources.reading.base import Reader, Reading, Steps

_LOGS, _LAST, _READ = "logs", "last", "read_to"


def steps_of(reading: Reading, reader: Reader, state: Mapping[str, Any], read_to: datetime | None = None) -> Steps:
    """Yield what has come since ``state``, of a source with one log or with several.

    :param state: an empty one is the beginning.
    :param read_to: up to where a source with one log is read.
    :raises AuditError: reading cannot go on.
    """
    logs: Mapping[str, PageReader] = getattr(reader.pages, "logs", None) or {}
    if not logs:
        return _prepared(reading, reader, dict(state), read_to)
    return _in_turn(reading, reader, logs, state)


def _prepared(reading: Reading, reader: Reader, state: dict[str, Any], read_to: datetime | None) -> Steps:
    """Read one log; what a subscription that somebody stopped has missed is a gap."""
    spec = getattr(reader.pages, "spec", None)
    # A window of the past is read beside the log that the gap belongs to.
    if state and reader.until is None and spec and spec.preparation and reader.pages.prepare():
        begin, now = read_to or reader.start, reader.now()
        if begin < now:
            reason = f"{spec.title} had been stopped, and was started again by this run"
            reader.report(Gap(begin, now, reason, "retention", now))
    yield from reading.steps(reader, state)


def _in_turn(reading: Reading, reader: Reader, logs: Mapping[str, PageReader], state: Mapping[str, Any]) -> Steps:
    """Read each log to its end.

    The first is the one behind the log in which the last run ended, so that a large log does not keep the others from
    being read. A log that fails does not either: its error is raised once the others are read.
    """
    kept: dict[str, dict[str, Any]] = {name: each for name, each in state.get(_LOGS, {}).items() if name in logs}
    read_to = {name: time_from(each) for name, each in state.get(_READ, {}).items() if name in logs}
    names = list(logs)
    first = names.index(state[_LAST]) + 1 if state.get(_LAST) in logs else 0
    failed: AuditError | None = None
    for name in (*names[first:], *names[:first]):
        own = replace(reader, pages=logs[name], tell=_named(name, reader.tell))
        steps = _prepared(reading, own, kept.get(name, {}), read_to.get(name))
        fresh: int | None = None
        try:
            while True:
                try:
                    step = next(steps) if fresh is None else steps.send(fresh)
                except StopIteration:
                    break
                kept = {**kept, name: step.state}
                read_to[name] = step.watermark or read_to.get(name)
                known = [read_to.get(each) for each in logs]
                fresh = yield Step(
                    step.events,
                    {
                        _LOGS: kept,
                        _LAST: name,
                        _READ: {each: text_of(moment) for each, moment in read_to.items() if moment},
                    },
                    step.since,
                    # What is read of all logs ends where the one that is furthest behind does.
                    min(moment for moment in known if moment) if all(known) else None,
                    step.recorded,
                    step.outside,
                )
        except (WaitError, CircleError):
            raise
        except AuditError as error:
            own.tell(f"{error} The other logs of {reader.pages.spec.title} are read all the same.")
            failed = failed or error
        finally:
            steps.close()
    if failed:
        raise failed


def _named(name: str, tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return what tells a line with the name of the log that it is about."""
    return lambda line: tell(f"{name}: {line}")
