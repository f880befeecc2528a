"""Where the events of a stream come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Origin
from audit_provider.core.pipeline import source_from
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.operators.finding_events import FINDINGS_SOURCE, FINDINGS_TITLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.position import Position


def origin_of(pipeline: str, source: str | Mapping[str, Any] | None, position: Position | None) -> Origin:
    """Return what a destination is told of where a stream's events come from.

    :param source: as the pipelines file names it; None for the one that was read. :param position: of the stream; None
        where it is gone.
    :raises ConfigurationError: nothing tells the source.
    """
    if position and position.source == FINDINGS_SOURCE:
        return Origin(pipeline, position.source, position.fields, title=FINDINGS_TITLE)
    spec = source_from(pipeline, source) if source else None
    if position is None:
        if spec is None:
            raise ConfigurationError(f"nothing tells the source of {pipeline}: give the task its 'source'.")
        return Origin(pipeline, spec.name, spec.fields, title=spec.title, actions=spec.actions)
    spec = spec or SOURCES.get(position.source)
    if spec is None:
        return Origin(pipeline, position.source, position.fields)
    return Origin(pipeline, position.source, position.fields, title=spec.title, actions=spec.actions)
