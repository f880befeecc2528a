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
    """Ship events to a folder on an SFTP server, in gzip NDJSON files that appear complete or not at all.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, where ``conn_id`` is a
    connection of Airflow's types ``sftp`` or ``ssh``, and those below. Example::

        AuditLogsToSftpOperator(task_id="ship_sftp", pipeline="pylon", conn_id="sftp_default", folder="audit")

    :param folder: Folder for the files. Default: the account's home folder.
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
