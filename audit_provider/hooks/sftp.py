"""An SFTP server, through a connection of the SSH or SFTP provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.sftp import SFTP
from audit_provider.hooks.ssh import load_ssh, ssh_address, ssh_connection

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.destinations.sftp import SftpOptions
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin, Window


class SftpAccess:
    """A connection of type ``sftp`` or ``ssh``.

    It has the interface of :class:`~audit_provider.hooks.destinations.DestinationHook`.

    :param conn_id: a connection of the SFTP or SSH provider, with all its options.
    """

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def destination(self, options: SftpOptions, origin: Origin, form: Form | None = None, **client: Any) -> Destination:
        """Return the folder.

        :param client: not used, because SSH has its own client.
        :raises AuditError: the connection cannot be used.
        """
        return SFTP.connect(options, origin, ssh_connection(self.conn_id), form)

    def load(self) -> None:
        """See :class:`~audit_provider.hooks.destinations.DestinationHook`."""
        load_ssh()

    def endpoint(self, options: SftpOptions) -> str:
        """Return the server and the folder.

        :raises ConfigurationError: there is no such connection.
        """
        return f"sftp://{ssh_address(self.conn_id)}/{SFTP.place(options)}".rstrip("/")

    def confirm(self, options: SftpOptions) -> None:
        """Confirm that the connection exists. Nothing is sent.

        :raises AuditError: it does not exist.
        """
        ssh_address(self.conn_id)

    def link(self, options: SftpOptions, origin: Origin, times: Window) -> str:
        """Return "": no page shows the files."""
        return ""
