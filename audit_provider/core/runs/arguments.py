"""What a run is given, read: times, windows and ranges, what is discarded, and the source of a stream's events."""

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
    from audit_provider.core.position import Position
    from audit_provider.core.shipping.sending_again import TimeRange

MOST_DISCARDED = 1000
"""Letters that one run discards."""

MOST_REASON = 500
"""Characters of the reason."""

_OWN_TITLES = {FINDINGS_SOURCE: FINDINGS_TITLE, EVIDENCE_SOURCE: EVIDENCE_TITLE}
"""Of sources that are no vendor's."""


def moment_from(value: str | datetime, what: str) -> datetime:
    """Return a date or date-time given as text as an aware UTC time.

    :param what: begins the message.
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
    """Return the window that an operator was given.

    :raises ConfigurationError: it is none.
    """
    try:
        return Window(moment_from(bounds["start"], "window start"), moment_from(bounds["end"], "window end"))
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"the window {dict(bounds)} cannot be read: {error}.") from None


def range_from(params: Mapping[str, Any]) -> TimeRange:
    """Return the range that the form asks for: ``start`` and ``end``, either of which may be empty.

    :raises ConfigurationError: it is none.
    """
    # Only a replay needs the ship loop that comes with it; a pull task has none.
    from audit_provider.core.shipping.sending_again import TimeRange

    start, end = (moment_from(params[key], key) if params.get(key) else None for key in ("start", "end"))
    try:
        return TimeRange(start, end)
    except ValueError as error:
        raise ConfigurationError(f"{error}: correct 'start' or 'end' in the form.") from None


def origin_of(pipeline: str, source: str | Mapping[str, Any] | None, position: Position | None) -> Origin:
    """Return what a destination needs to know about where a stream's events come from.

    :param source: as the pipelines file names it; None for the one that was read. :param position: of the stream; None
        where it is gone.
    :raises ConfigurationError: nothing names the source.
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
    """Which dead letters are discarded, by whom and why.

    :ivar events: ids of the events. :ivar by: the person, "" where Airflow does not know who started the run.
    :ivar run: id of the DAG run.
    """

    events: frozenset[str]
    why: str
    by: str = ""
    run: str = ""


def discard_from(params: Mapping[str, Any], destination: str, *, by: str, run: str) -> Discard | None:
    """Return what a run's form asks to discard of a destination's dead letters; None where it asks for nothing.

    :param params: ``discard_from``, ``discard`` (ids of events) and ``discard_reason``.
    :raises ConfigurationError: something of it is missing, or too much.
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
