"""Shipping to Amazon S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.s3 import S3Destination
from audit_provider.core.model import utc_now
from audit_provider.operators.ship import ShipAuditLogsOperator
from audit_provider.spool_location import s3_client

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin
    from audit_provider.core.pipeline import Delivery


class AuditLogsToS3Operator(ShipAuditLogsOperator):
    """Ship to S3, in objects named by their content.

    By default gzip NDJSON in Hive partitions by event day; the option ``layout`` names others, for Amazon Security Lake
    and for Datadog's log archives.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and:

    :param bucket: bucket name.
    :param prefix: key prefix.
    """

    destination_type = "s3"
    option_names = ("bucket", "prefix")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)

    def __init__(self, *, bucket: str, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.prefix = prefix

    def connect(self, delivery: Delivery, origin: Origin, form: Form) -> Destination:
        """Return the bucket, by an ``aws`` connection of the Amazon provider."""
        return S3Destination(delivery.options, origin, s3_client(delivery.conn_id), now=utc_now, form=form)

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the bucket and prefix."""
        return f"s3://{delivery.options.bucket}/{delivery.options.prefix}".rstrip("/")
