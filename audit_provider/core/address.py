"""From the host of a connection to a base URL."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from audit_provider.core.errors import ConfigurationError

_SCHEMES = ("http", "https")


def base_url_from(
    host: str | None, *, scheme: str | None = None, port: int | None = None, default: str = "", allow_http: bool = False
) -> str:
    """Return the base URL that a connection means.

    ``https`` is assumed where neither the host nor ``scheme`` says otherwise; plain ``http`` is for loopback only,
    because the token would travel readable.

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
    """Return the URL of a path below a base URL, of which a query stays at the end.

    :param path: begins with "/", or is "".
    """
    base, _, query = base_url.partition("?")
    return f"{base}{path}{'&' if '?' in path else '?'}{query}" if query else base_url + path


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, so that no network is between."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
