"""Several logs of one vendor as one pipeline: each is read by itself, with a state of its own, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import AuditError, CircleError, ProtocolError, WaitError
from audit_provider.core.model import Gap, text_of
from audit_provider.core.records.times import time_from
from audit_provider.core.sources.reading.base import Step

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.sources.pages import PageReader
    from audit_provider.core.sources.reading.base import Reading, Steps
    from audit_provider.core.sources.reading.reader import Reader

_LOGS, _LAST, _READ = "logs", "last", "read_to"


def steps_of(reading: Reading, reader: Reader, state: Mapping[str, Any], read_to: datetime | None = None) -> Steps:
    """Yield the events that came since ``state``, of a source with one log or with several.

    :param state: an empty one is the beginning.
    :param read_to: the time up to which a source with one log is read.
    :raises AuditError: reading cannot continue.
    """
    logs: Mapping[str, PageReader] = getattr(reader.pages, "logs", None) or {}
    if not logs:
        return _prepared(reading, reader, dict(state), read_to)
    return _in_turn(reading, reader, logs, state)


def _prepared(reading: Reading, reader: Reader, state: dict[str, Any], read_to: datetime | None) -> Steps:
    """Read one log; if somebody had stopped its subscription, report the time until now as a gap."""
    spec = getattr(reader.pages, "spec", None)
    # Not for a window of the past: the gap belongs to the stream that is read up to now.
    if state and reader.until is None and spec and spec.preparation and reader.pages.prepare():
        begin, now = read_to or reader.start, reader.now()
        if begin < now:
            reason = f"{spec.title} had been stopped, and was started again by this run"
            reader.report(Gap(begin, now, reason, "retention", now))
    yield from reading.steps(reader, state)


def _in_turn(reading: Reading, reader: Reader, logs: Mapping[str, PageReader], state: Mapping[str, Any]) -> Steps:
    """Read each log to its end.

    Begin with the log after the one in which the last run ended, so that a large log does not keep the others from
    being read. A log that fails does not either: its error is raised after the others are read.
    """
    kept: dict[str, dict[str, Any]] = {name: each for name, each in state.get(_LOGS, {}).items() if name in logs}
    read_to = {name: time_from(each) for name, each in state.get(_READ, {}).items() if name in logs}
    names = list(logs)
    first = names.index(state[_LAST]) + 1 if state.get(_LAST) in logs else 0
    failed: AuditError | None = None
    for name in (*names[first:], *names[:first]):
        own = replace(reader, pages=logs[name], tell=_named(name, reader.tell))
        own.pages.records.log = name
        steps = _prepared(reading, own, kept.get(name, {}), read_to.get(name))
        before, read_before = kept.get(name), read_to.get(name)
        fresh: int | None = None
        circled = False
        try:
            while True:
                try:
                    step = next(steps) if fresh is None else steps.send(fresh)
                except StopIteration:
                    break
                kept = {**kept, name: step.state}
                read_to[name] = step.watermark or read_to.get(name)
                fresh = yield replace(step, state=_packed(kept, name, read_to), watermark=_least(read_to, logs))
        except AuditError as error:
            own.tell(f"{error} The other logs of {reader.pages.spec.title} are read all the same.")
            # An error that needs a person is not hidden by a temporary one.
            if failed is None or (isinstance(failed, WaitError) and not isinstance(error, WaitError)):
                failed = error
            circled = isinstance(error, CircleError)
        finally:
            steps.close()
        if circled:
            # Its cursors cannot be trusted, so its state is put back. The events stay spooled, and are duplicates when
            # they are read again.
            kept = {each: its for each, its in kept.items() if each != name} | ({name: before} if before else {})
            read_to[name] = read_before
            yield Step((), _packed(kept, name, read_to), reader.now(), _least(read_to, logs))
    if isinstance(failed, CircleError):
        # The state of this log is put back already, and the state of the others must be kept.
        raise ProtocolError(str(failed)) from failed
    if failed:
        raise failed


def _packed(kept: Mapping[str, dict[str, Any]], last: str, read_to: Mapping[str, datetime | None]) -> dict[str, Any]:
    """Return the state of all logs in the form in which it is kept."""
    return {
        _LOGS: kept,
        _LAST: last,
        _READ: {name: text_of(moment) for name, moment in read_to.items() if moment},
    }


def _least(read_to: Mapping[str, datetime | None], logs: Iterable[str]) -> datetime | None:
    """Return the time up to which all logs are read: that of the log that is furthest behind."""
    known = [read_to.get(name) for name in logs]
    return min(moment for moment in known if moment) if all(known) else None


def _named(name: str, tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that passes on a line with the log's name in front."""
    return lambda line: tell(f"{name}: {line}")
