"""Why no answer came, and what to do about it."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

import requests
from urllib3.exceptions import NameResolutionError, ProtocolError, ProxyError

from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    HungUpError,
    UnavailableError,
)
from audit_provider.core.wire.later import means_later

_ENDINGS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors if the other end hangs up during the handshake, as a load balancer that restarts does: TLS is not wrong."""

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")


_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})\b")
"""The message of ``http.client`` if a proxy does not open the tunnel that an https request needs."""


def refused_by_proxy(where: str, status: int) -> AuditError:
    """Return the error for a request that a proxy refused with a status of its own.

    :param where: the request.
    """
    if status == 407:
        return CredentialError(
            f"the proxy did not forward {where} and answered 407: set its login and password in 'proxies' of the "
            "connection; everything is kept."
        )
    if means_later(status):
        return UnavailableError(f"the proxy did not forward {where} and answered {status}.")
    return ConfigurationError(
        f"the proxy did not forward {where} and answered {status}: allow this host and port in the proxy, or change "
        "'proxies' of the connection; everything is kept."
    )


def failure_of(error: Exception, where: str, service: str) -> AuditError:
    """Return the error for a request that got no answer, without its URL, which may hold a credential.

    :param error: of requests, urllib3 or the operating system; or a ``ValueError``, of ``http.client``, which quotes
        the header, or because of a letter that a header cannot hold. :param where: the request. :param service: the
        service's name.
    """
    inner = _innermost(error)
    if tunnel := _TUNNEL.search(str(getattr(inner, "original_error", inner))):
        return refused_by_proxy(where, int(tunnel[1]))
    if isinstance(inner, ProxyError):
        return UnavailableError(
            f"{where} was not sent: its proxy cannot be reached ({type(inner.original_error).__name__}); check "
            "'proxies' of the connection, or the network."
        )
    if isinstance(error, requests.exceptions.SSLError) and not isinstance(inner, _ENDINGS):
        if getattr(inner, "reason", "") in _NO_TLS:
            return ConfigurationError(
                f"{where} reached a server that does not speak TLS ({_reason(inner)}): check scheme and port of the "
                "connection's host."
            )
        return ConfigurationError(
            f"{where} failed in TLS ({_reason(inner)}): install the service's CA or set 'verify' on the connection."
        )
    if isinstance(error, ValueError):  # includes the errors of requests about URLs, schemes, proxies and headers
        return ConfigurationError(
            f"{where} could not be sent ({type(error).__name__}): check host, proxies and token on the connection."
        )
    if isinstance(inner, NameResolutionError | socket.gaierror):
        return UnavailableError(
            f"{where} was not sent: the host name could not be resolved ({_reason(inner)}); check the connection's "
            "host, or the DNS of this machine."
        )
    if isinstance(inner, ProtocolError) and isinstance(inner.args[-1], ConnectionError):
        return HungUpError(
            f"{where} gave no complete answer ({_reason(inner.args[-1])}): {service} closed the connection, or the "
            "network is down."
        )
    return UnavailableError(f"{where} gave no complete answer ({_reason(inner)}): {service} or the network is down.")


def _innermost(error: BaseException) -> BaseException:
    """Return the innermost reason of a transport error, without the URL that outer layers quote."""
    inner: Any = error
    while True:
        cause = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        if not isinstance(cause, BaseException):
            return inner  # type: ignore[no-any-return]
        inner = cause


def _reason(inner: BaseException) -> str:
    name = type(inner).__name__
    return f"{name}: {inner.strerror}" if isinstance(inner, OSError) and inner.strerror else name
