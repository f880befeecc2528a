"""Shipping to an SFTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.sftp import SftpDestination
from audit_provider.hooks.ssh import ssh_address, ssh_connection
from audit_provider.operators.ship import ShipAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.delivery import Delivery
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin


class AuditLogsToSftpOperator(ShipAuditLogsOperator):
    """Ship to a folder on an SFTP server: gzip NDJSON files named by their content, which appear whole.

    The parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, where ``conn_id`` is of Airflow's
    own type ``sftp`` or ``ssh``, and:

    :param folder: where the files go; by default the account's own folder.
    """

    destination_type = "sftp"
    option_names = ("folder",)
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)

    def __init__(self, *, folder: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def connect(self, delivery: Delivery, origin: Origin, form: Form) -> Destination:
        """Return the folder, by a connection of the SSH provider."""
        return SftpDestination(delivery.options, origin, ssh_connection(delivery.conn_id), form=form)

    @classmethod
    def endpoint(cls, delivery: Delivery) -> str:
        """Return the server and the folder."""
        return f"sftp://{ssh_address(delivery.conn_id)}/{delivery.options.folder}".rstrip("/")
