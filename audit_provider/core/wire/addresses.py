"""Addresses: the base URL of a connection, and hosts that no request reaches.

Link-local addresses are refused, because clouds return credentials there to any caller. The address of the actual
connection is checked, so a name whose address changes does not get around the check.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMES = ("http", "https")


def base_url_from(
    host: str | None, *, scheme: str | None = None, port: int | None = None, default: str = "", allow_http: bool = False
) -> str:
    """Return the base URL of a connection.

    ``https`` is assumed if neither the host nor ``scheme`` says otherwise. Plain ``http`` is allowed for loopback only,
    because it sends the token unencrypted.

    :param host: with or without scheme, port and path; None or "" takes ``default``.
    :param allow_http: plain ``http`` is allowed to any host.
    :raises ConfigurationError: the address cannot be used.
    """
    text = (host or "").strip() or default
    if not text:
        raise ConfigurationError("the connection has no host: set it to the service's address.")
    if "://" not in text:
        text = f"{scheme if scheme in _SCHEMES else 'https'}://{text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ConfigurationError("the connection's host must be a name or an http(s) address.") from None
    try:
        named_port = parts.port
    except ValueError:
        raise ConfigurationError("the connection's host has a port that is not a number: correct it.") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ConfigurationError("the connection's host must be a name or an http(s) address.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "the connection's host must not contain a user, query or fragment: use the form's other fields."
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"plain http to {parts.hostname} would send the token unencrypted: use https, or set 'allow_http' in the "
            "connection's extra if you accept that."
        )
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = named_port or port
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def url_of(base_url: str, path: str) -> str:
    """Return the URL of a path below a base URL; a query of the base URL stays at the end.

    :param path: begins with "/", or is "".
    """
    base, _, query = base_url.partition("?")
    return f"{base}{path}{'&' if '?' in path else '?'}{query}" if query else base_url + path


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, so that no network is in between."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


Resolve = Callable[[str], list[str]]
"""Returns the addresses of a host name."""

_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, Oracle and most others
            "fd00:ec2::254",  # AWS
            "169.254.170.2",  # AWS, containers
            "169.254.170.23",  # AWS, pods
            "fd00:ec2::23",
            "fd20:ce::254",  # Google
            "168.63.129.16",  # Azure, the host's agent: an address that looks public
            "fd00:c1::a9fe:a9fe",  # Oracle
            "192.0.0.192",  # Oracle, the older one
            "100.100.100.200",  # Alibaba: in the range that Tailscale and carriers use for hosts
            "169.254.0.23",  # Tencent
            "fd00:a9fe:a9fe::1",  # Linode
            "169.254.42.42",  # Scaleway
            "fd00:42::42",
            "fe80::a9fe:a9fe",  # OpenStack
        ),
    )
)
"""Metadata services of clouds. No registry lists them. Those outside the link-local networks are in private, shared or
public networks, where other hosts are legitimate receivers."""

_METADATA_NAMES = frozenset(
    {
        "metadata",  # Google's, as its own machines look it up
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",  # AWS
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.oraclecloud.com",
        "metadata.tencentyun.com",
        "api.metadata.cloud.ibm.com",
        "metadata.platformequinix.com",
        "rancher-metadata",
    }
)
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
"""Characters that stand for a dot in a host name, by RFC 3490."""

_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 20))
        if hasattr(socket, name)
    ),
)
"""Socket options that keep firewalls in between from dropping an idle connection. Times in seconds."""

_EMBEDDING = tuple(
    map(
        ip_network,
        (
            "::/96",  # IPv4-compatible, RFC 4291
            "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
            "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
            "64:ff9b::/96",  # NAT64, RFC 6052
        ),
    )
)
"""IPv6 networks whose last 32 bits are an IPv4 address."""

_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
"""The network of a site's own NAT64 prefixes, of any length, RFC 8215."""

_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface's identifier whose lower half is an IPv4 address, RFC 5214."""


def resolved(host: str) -> list[str]:
    """Return the addresses of a host name; an empty list if it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(each[4][0]) for each in found]


def refuse_host(host: str, *, allow_link_local: bool = False, resolve: Resolve = resolved) -> None:
    """Refuse a host that is a cloud's metadata service by name, or has a metadata or link-local address.

    :param allow_link_local: link-local is allowed; metadata never is.
    :raises ConfigurationError: it is one. A host that cannot be resolved is not refused here: the request will fail.
    """
    host = normalize("NFKC", host).translate(_DOTS).strip("[]").rstrip(".").lower()
    if host in _METADATA_NAMES:
        raise _metadata_error(host)
    for address in resolve(host):
        refuse_address(address, allow_link_local=allow_link_local)


def refuse_address(text: str, *, allow_link_local: bool = False) -> None:
    """Refuse one address.

    :raises ConfigurationError: it is link-local, or a cloud's metadata service.
    """
    meant = _meant_by(ip_address(text.partition("%")[0]))
    for address in meant:
        if address in _METADATA:
            raise _metadata_error(str(address))
    for address in meant:
        if address.is_link_local and not allow_link_local:
            raise ConfigurationError(
                f"the connection leads to the link-local address {address}: set its host to the service's address, or "
                f"'allow_link_local' in its extra if the service is there."
            )


class GuardedAdapter(HTTPAdapter):
    """Sends requests as usual, but nothing over a connection to a refused address.

    With a proxy it sees only the proxy's address; the proxy decides what can be reached.
    """

    def __init__(self, *, allow_link_local: bool = False) -> None:
        self._allow_link_local = allow_link_local
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections that check the address they reach."""
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
        f"the connection leads to {found}, a cloud's metadata service, which is never allowed: set its host to the "
        "service's address."
    )


def _meant_by(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return an address and, if it is an IPv6 address, each IPv4 address that it may stand for.

    Which of them a packet reaches depends on the gateways on its way, so all of them count. Prefixes that a network has
    chosen for itself among its public addresses cannot be known.
    """
    if isinstance(address, IPv4Address):
        return [address]
    bits = int(address)
    found = [address, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _EMBEDDING) or (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(bits & 0xFFFFFFFF))
    if address in _LOCAL_NAT64:
        found += _translated(bits)
    return [each for each in found if each is not None]


def _translated(bits: int) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address holds by RFC 6052, for each possible length of its prefix.

    Bits 64 to 71 are left out: they are 0 and belong to no address.
    """
    text = f"{bits:0128b}"
    for prefix in (48, 56, 64, 96):
        inner = text[prefix:64] + text[72:] if prefix < 96 else text[96:]
        yield IPv4Address(int(inner[:32], 2))
