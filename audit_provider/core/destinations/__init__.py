"""The destinations: how each encodes, sends and judges. Packing and shipping are written once.

``base`` says what a destination is, ``packing`` makes batches, ``ship`` is the loop; then one file per destination.
"""

from typing import Any

from audit_provider.core.destinations.datadog import DatadogOptions
from audit_provider.core.destinations.s3 import S3Options
from audit_provider.core.destinations.splunk_hec import SplunkHecOptions

REGISTRY: dict[str, type[Any]] = {"s3": S3Options, "splunk_hec": SplunkHecOptions, "datadog": DatadogOptions}
"""The options of every destination type, by the name used in the pipelines file."""

__all__ = ["REGISTRY", "DatadogOptions", "S3Options", "SplunkHecOptions"]
