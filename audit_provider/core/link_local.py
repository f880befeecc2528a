"""Keeps requests away from link-local addresses, where clouds hand out credentials to whoever asks.

The check is made on the address that a connection really has, so that a name cannot lead elsewhere the second time it
is looked up.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from audit_provider.core.errors import ConfigurationError

Resolve = Callable[[str], list[str]]
"""From a host name to its addresses."""

_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google and most others
            "169.254.170.2",  # containers on AWS
            "169.254.170.23",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "100.100.100.200",  # Alibaba
        ),
    )
)
_METADATA_NAMES = frozenset(
    {
        "metadata",  # Google's, as its own machines look it up
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",  # AWS
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
    }
)
_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 20))
        if hasattr(socket, name)
    ),
)
"""Socket options: what stands between must not forget a connection that is idle. Times in seconds."""

_NAT64 = ip_network("64:ff9b::/96")


def resolved(host: str) -> list[str]:
    """Return the addresses of a host name; none where it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(each[4][0]) for each in found]


def refuse_host(host: str, *, allow_link_local: bool = False, resolve: Resolve = resolved) -> None:
    """Refuse a host that is a cloud's metadata service by its name, or of which any address is that or link-local.

    :param allow_link_local: link-local is allowed; metadata never is.
    :raises ConfigurationError: it is one. A host that cannot be looked up is left to the request.
    """
    host = host.strip("[]").rstrip(".").lower()
    if host in _METADATA_NAMES:
        raise _metadata_error(host)
    for address in resolve(host):
        refuse_address(address, allow_link_local=allow_link_local)


def refuse_address(text: str, *, allow_link_local: bool = False) -> None:
    """Refuse one address.

    :raises ConfigurationError: it is link-local, or a cloud's metadata service.
    """
    address = _plain(ip_address(text.partition("%")[0]))
    if address in _METADATA:
        raise _metadata_error(str(address))
    if address.is_link_local and not allow_link_local:
        raise ConfigurationError(
            f"the connection leads to the link-local address {address}: set its host to the service's address, or "
            f"'allow_link_local' in its extra if the service is there."
        )


class GuardedAdapter(HTTPAdapter):
    """Carries requests as usual, and sends nothing over a connection to a refused address.

    Through a proxy it sees the proxy's address alone: what the proxy may reach is for the proxy to say.
    """

    def __init__(self, *, allow_link_local: bool = False) -> None:
        self._allow_link_local = allow_link_local
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections that look where they lead."""
        super().init_poolmanager(*args, socket_options=[*HTTPConnection.default_socket_options, *_ALIVE], **kwargs)
        refuse = partial(refuse_address, allow_link_local=self._allow_link_local)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_pool, HTTPConnectionPool, HTTPConnection, refuse),
            "https": partial(_pool, HTTPSConnectionPool, HTTPSConnection, refuse),
        }


def _pool(pool_class: Any, connection_class: Any, refuse: Callable[[str], None], *args: Any, **kwargs: Any) -> Any:
    class Guarded(connection_class):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            try:
                refuse(str(connected.getpeername()[0]))
            except ConfigurationError:
                connected.close()
                raise
            return connected

    pool = pool_class(*args, **kwargs)
    pool.ConnectionCls = Guarded
    return pool


def _metadata_error(found: str) -> ConfigurationError:
    return ConfigurationError(
        f"the connection leads to {found}, a cloud's metadata service: set its host to the service's address."
    )


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
