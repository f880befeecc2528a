"""Amazon S3, through a connection of the Amazon provider's type ``aws``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.s3 import S3
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.records.links import s3_prefix
from audit_provider.host.connection import connection_of
from audit_provider.host.spool_location import load_s3, s3_client

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.destinations.s3_options import S3Options
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin, Window


class S3Access:
    """A connection of type ``aws``, with the interface of :class:`~audit_provider.hooks.destinations.DestinationHook`.

    :param conn_id: a connection of the Amazon provider, with all its options.
    """

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def destination(self, options: S3Options, origin: Origin, form: Form | None = None, **client: Any) -> Destination:
        """Return the bucket.

        :param client: not used, because boto3 has its own client.
        :raises AuditError: the connection cannot be used.
        """
        return S3.connect(options, origin, s3_client(self.conn_id), form)

    def load(self) -> None:
        """See :class:`~audit_provider.hooks.destinations.DestinationHook`."""
        load_s3()

    def endpoint(self, options: S3Options) -> str:
        """Return the bucket and prefix."""
        return f"s3://{S3.place(options)}"

    def confirm(self, options: S3Options) -> None:
        """Confirm that the connection exists and is of type ``aws``. Nothing is sent.

        :raises AuditError: it does not exist, or is of another type.
        """
        found = connection_of(self.conn_id, "'aws'").conn_type
        if found != "aws":
            raise ConfigurationError(f"the connection {self.conn_id!r} is of type {found!r}, not 'aws'.")

    def link(self, options: S3Options, origin: Origin, times: Window) -> str:
        """Return the prefix in the AWS console, "" if the store is not Amazon's."""
        extra = connection_of(self.conn_id, "'aws'").extra_dejson
        if extra.get("endpoint_url") or (extra.get("service_config") or {}).get("s3", {}).get("endpoint_url"):
            return ""
        return s3_prefix(options.bucket, options.prefix, str(extra.get("region_name") or ""))
