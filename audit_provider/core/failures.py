"""Why no answer came, and what to do about it."""

from __future__ import annotations

from typing import Any

import requests

from audit_provider.core.errors import AuditError, ConfigurationError, UnavailableError


def failure_of(error: Exception, where: str, service: str) -> AuditError:
    """Return the error for a request that got no answer, without its URL, which may hold a credential.

    :param error: of requests, urllib3 or the operating system, or a ``ValueError`` of ``http.client``, which quotes the
        header, or of a letter that no header can carry. :param where: the request, and :param service: whose it is.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return ConfigurationError(
            f"{where} failed at TLS ({_reason(error)}): install the service's CA or set 'verify' on the connection."
        )
    if isinstance(error, ValueError):  # those of requests on URLs, schemes, proxies and headers are, too
        return ConfigurationError(
            f"{where} could not be sent ({type(error).__name__}): check host, proxies and token on the connection."
        )
    return UnavailableError(f"{where} gave no whole answer ({_reason(error)}): {service} or the network is down.")


def _reason(error: BaseException) -> str:
    """Return the innermost reason of a transport error, without the URL that outer layers quote."""
    inner: Any = error
    while True:
        cause = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        if not isinstance(cause, BaseException):
            break
        inner = cause
    name = type(inner).__name__
    return f"{name}: {inner.strerror}" if isinstance(inner, OSError) and inner.strerror else name
