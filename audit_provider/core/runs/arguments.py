"""Parse the arguments of a run: times, windows and ranges, dead letters to discard, and the source of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Origin, Window
from audit_provider.core.pipeline import aware, source_from
from audit_provider.core.runs.own_streams import EVIDENCE_SOURCE, EVIDENCE_TITLE, FINDINGS_SOURCE, FINDINGS_TITLE
from audit_provider.core.sources import REGISTRY as SOURCES

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.shipping.sending_again import TimeRange

MOST_DISCARDED = 1000
"""The most dead letters that one run discards."""

MOST_REASON = 500
"""The most characters of the reason that are kept."""

_OWN_TITLES = {FINDINGS_SOURCE: FINDINGS_TITLE, EVIDENCE_SOURCE: EVIDENCE_TITLE}
"""Titles of the package's own sources, by name."""


def moment_from(value: str | datetime, what: str) -> datetime:
    """Return a date or date-time given as text as an aware UTC time.

    :param what: name of the value; the error message begins with it.
    :raises ConfigurationError: it is neither.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise ConfigurationError(f"{what} {value!r} is no date or date-time, as in 2026-01-01T00:00:00Z.") from None
    moment = aware(value, what)
    if moment is None:
        raise ConfigurationError(f"{what} is missing.")
    return moment


def window_from(bounds: Mapping[str, str]) -> Window:
    """Return the window that an operator received as an argument.

    :raises ConfigurationError: a bound is missing or no time, or the end is not after the start.
    """
    try:
        return Window(moment_from(bounds["start"], "window start"), moment_from(bounds["end"], "window end"))
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"the window {dict(bounds)} cannot be read: {error}.") from None


def range_from(params: Mapping[str, Any]) -> TimeRange:
    """Return the time range that the form asks for: ``start`` and ``end``; either may be empty.

    :raises ConfigurationError: a bound is no time, or the end is not after the start.
    """
    # Imported here because it imports the ship loop, which only a replay needs and a pull task does not.
    from audit_provider.core.shipping.sending_again import TimeRange

    start, end = (moment_from(params[key], key) if params.get(key) else None for key in ("start", "end"))
    try:
        return TimeRange(start, end)
    except ValueError as error:
        raise ConfigurationError(f"{error}: correct 'start' or 'end' in the form.") from None


def origin_of(pipeline: str, source: str | Mapping[str, Any] | None, position: Position | None) -> Origin:
    """Return the origin of a stream's events, as a destination needs it.

    :param source: as the pipelines file names it; None for the one that was read.
    :param position: of the stream; None if it was deleted.
    :raises ConfigurationError: neither the argument nor the position names the source.
    """
    if position and (title := _OWN_TITLES.get(position.source)):
        return Origin(pipeline, position.source, position.fields, title=title)
    spec = source_from(pipeline, source) if source else None
    if position is None:
        if spec is None:
            raise ConfigurationError(f"nothing tells the source of {pipeline}: give the task its 'source'.")
        return Origin(pipeline, spec.name, spec.fields, title=spec.title, actions=spec.actions)
    if spec is None or position.is_of_earlier_source:
        spec = SOURCES.get(position.source)
    if spec is None:
        return Origin(pipeline, position.source, position.fields)
    return Origin(pipeline, position.source, position.fields, title=spec.title, actions=spec.actions)


@dataclass(frozen=True, slots=True)
class Discard:
    """Which dead letters to discard, by whom and why.

    :ivar events: ids of the events. :ivar by: the person, "" if Airflow does not know who started the run.
    :ivar run: id of the DAG run.
    """

    events: frozenset[str]
    why: str
    by: str = ""
    run: str = ""


def discard_from(params: Mapping[str, Any], destination: str, *, by: str, run: str) -> Discard | None:
    """Return which dead letters of a destination a run's form asks to discard; None if it asks for none.

    :param params: ``discard_from``, ``discard`` (ids of events) and ``discard_reason``.
    :raises ConfigurationError: a field is missing, or it names too many events.
    """
    events, why = params.get("discard") or (), str(params.get("discard_reason") or "").strip()
    if params.get("discard_from") is None and not events:
        return None
    if params.get("discard_from") != destination:
        if params.get("discard_from") is None:
            raise ConfigurationError("the run names dead letters to discard, but no destination: set 'discard_from'.")
        return None
    if not events:
        raise ConfigurationError(
            f"the run is to discard dead letters of {destination}, but names none: set 'discard' to the ids of events."
        )
    if len(events) > MOST_DISCARDED:
        raise ConfigurationError(f"the run names {len(events):,} dead letters to discard: {MOST_DISCARDED:,} at most.")
    if not why:
        raise ConfigurationError(
            f"the run is to discard dead letters of {destination}, but does not say why: set 'discard_reason'."
        )
    return Discard(frozenset(events), why[:MOST_REASON], by, run)
