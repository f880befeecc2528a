"""Shipping to Amazon S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.s3 import S3Destination
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.links import s3_prefix
from audit_provider.core.model import utc_now
from audit_provider.hooks.connection import connection_of
from audit_provider.operators.links import S3PrefixLink
from audit_provider.operators.ship import ShipAuditLogsOperator
from audit_provider.spool_location import s3_client

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin, Window


class AuditLogsToS3Operator(ShipAuditLogsOperator):
    """Ship events to S3, in objects whose names are derived from their content.

    The default is gzip NDJSON in Hive partitions by event day. The option ``layout`` selects others, for Amazon
    Security Lake and for Datadog's log archives.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToS3Operator(
            task_id="ship_s3", pipeline="pylon", conn_id="aws_default", bucket="audit-logs", prefix="pylon"
        )

    :param bucket: Name of the bucket.
    :param prefix: Prefix of every object key. Default: none.
    """

    destination_type = "s3"
    option_names = ("bucket", "prefix")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (S3PrefixLink(),)

    def __init__(self, *, bucket: str, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.prefix = prefix

    def connect(self, delivery: Delivery, origin: Origin, form: Form) -> Destination:
        """Return the bucket, by an ``aws`` connection of the Amazon provider."""
        return S3Destination(delivery.options, origin, s3_client(delivery.conn_id), now=utc_now, form=form)

    @classmethod
    def link(cls, delivery: Delivery, origin: Origin, times: Window) -> str:
        """Return the prefix in the AWS console; "" for a store that is not Amazon's."""
        extra = connection_of(delivery.conn_id, "'aws'").extra_dejson
        if extra.get("endpoint_url") or (extra.get("service_config") or {}).get("s3", {}).get("endpoint_url"):
            return ""
        return s3_prefix(delivery.options.bucket, delivery.options.prefix, str(extra.get("region_name") or ""))

    @classmethod
    def check_connection(cls, delivery: Delivery) -> None:
        """See that there is a connection of type ``aws``. Nothing is sent.

        :raises AuditError: there is none.
        """
        found = connection_of(delivery.conn_id, "'aws'").conn_type
        if found != "aws":
            raise ConfigurationError(f"the connection {delivery.conn_id!r} is of type {found!r}, not 'aws'.")

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the bucket and prefix."""
        return f"s3://{delivery.options.bucket}/{delivery.options.prefix}".rstrip("/")
