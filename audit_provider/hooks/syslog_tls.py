"""The connection type ``syslog_tls``: a syslog receiver."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, ClassVar

from audit_provider.core.destinations.syslog import SYSLOG, SyslogOptions
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.addresses import is_loopback
from audit_provider.core.wire.tcp import TcpClient
from audit_provider.hooks.destinations import DestinationHook

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin

DEFAULT_PORT = 6514
"""The port of RFC 5425."""

_TRANSPORTS = ("tls", "tcp")


class SyslogTlsHook(DestinationHook):
    """Address and certificates of a syslog receiver, from a connection of type ``syslog_tls``.

    Example::

        hook = SyslogTlsHook("syslog_tls_default")
        ok, message = hook.test_connection()

    :param syslog_tls_conn_id: Connection: host (a name or an address), port (6514), password (the key's passphrase, if
        it has one), extras ``ca``, ``cert`` and ``key`` (paths of PEM files), ``server_hostname`` (the name in the
        receiver's certificate), ``verify`` (default true), ``transport`` (``tls`` or ``tcp``), ``allow_plain`` (``tcp``
        to hosts other than loopback), ``allow_link_local``.
    """

    spec = SYSLOG
    conn_name_attr = "syslog_tls_conn_id"
    session_extras: ClassVar[tuple[str, ...]] = ("allow_link_local",)

    def __init__(self, syslog_tls_conn_id: str = SYSLOG.options.default_conn_id) -> None:
        super().__init__(syslog_tls_conn_id)

    @property
    def host(self) -> str:
        """The receiver's name or address, without brackets.

        :raises ConfigurationError: there is none.
        """
        host = (self.connection.host or "").strip()
        if not host or "/" in host or "@" in host:
            raise ConfigurationError(
                f"the host of the connection {self.http_conn_id!r} must be a name or an address and nothing else."
            )
        return host.strip("[]")

    @property
    def port(self) -> int:
        """The receiver's port."""
        return int(self.connection.port or DEFAULT_PORT)

    @property
    def transport(self) -> str:
        """The protocol of the messages: ``tls``, or ``tcp`` for plain text.

        :raises ConfigurationError: it is neither, or events would be sent over the network in plain text without
            permission.
        """
        transport = str(self.extra("transport", _TRANSPORTS[0])).lower()
        if transport not in _TRANSPORTS:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has the unknown transport {transport!r}; known are tls and tcp."
            )
        if transport == "tcp" and not is_loopback(self.host) and not self.flag("allow_plain"):
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} would send the events unencrypted: use transport tls, or set "
                "'allow_plain' in its extra if you accept that."
            )
        return transport

    def shown_address(self) -> str:
        """Return the receiver's address as it may be shown to people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"

    def destination(
        self, options: SyslogOptions, origin: Origin, form: Form | None = None, **client: Any
    ) -> Destination:
        """Return the receiver, ready to send.

        :param form: the format of its events.
        :param client: not used, because there is no answer to wait for.
        :raises ConfigurationError: the connection cannot be used.
        """
        return self.spec.connect(options, origin, self.tcp_client(), form)

    def tcp_client(self) -> TcpClient:
        """Return what opens connections to the receiver.

        :raises ConfigurationError: the connection cannot be used.
        """
        return TcpClient(
            self.host,
            self.port,
            tls=self._tls() if self.transport == "tls" else None,
            server_hostname=self.extra("server_hostname", ""),
            service=self.service,
            allow_link_local=self.flag("allow_link_local"),
        )

    def _tls(self) -> ssl.SSLContext:
        cert, key = self.extra("cert"), self.extra("key")
        if key and not cert:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has a 'key' but no 'cert' in its extra: set both."
            )
        try:
            context = ssl.create_default_context(cafile=self.extra("ca"))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if not self.flag("verify", default=True):
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if cert:
                # Always pass a passphrase: if a key needs one and has none, OpenSSL would ask at the terminal.
                context.load_cert_chain(cert, key, password=self.connection.password or "")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} names a certificate or key that cannot be used "
                f"({type(error).__name__}): check 'ca', 'cert', 'key' and the passphrase."
            ) from None
        return context
