"""What asks the destinations of a pipeline for the events of some days, by their connections."""

from __future__ import annotations

import time
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.s3_options import S3Options
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.runs.asking import arrival_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.position import Position
    from audit_provider.core.verification.day_arrivals import DayArrival


def arrivals_of(pipeline: Pipeline) -> Callable[[str, Mapping[str, Position]], DayArrival]:
    """Return what asks a destination of a pipeline, by its name and by the positions of the streams.

    A connection is looked up, and its library loaded, when the first event of a destination is asked for.

    :param pipeline: with the options of its destinations.
    """

    def arrival_of(name: str, positions: Mapping[str, Position]) -> DayArrival:
        delivery = pipeline.destinations.get(name)
        if delivery is None or delivery.options is None:
            raise ConfigurationError("its options are not known in this process: see the pipelines file")
        return arrival_at(delivery, pipeline, positions, partial(_client, delivery), time.sleep)

    return arrival_of


def _client(delivery: Delivery) -> Any:
    """Return a boto3 S3 client, or the HTTP client of another destination."""
    if isinstance(delivery.options, S3Options):
        from audit_provider.host.spool_location import s3_client

        return s3_client(delivery.conn_id)
    return resolve_name(DESTINATIONS[delivery.type].hook_path)(delivery.conn_id).client()
