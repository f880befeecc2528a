"""Connections on which only the client sends, over TLS or plain TCP.

The receiver does not answer, so the client can only learn whether it has closed the connection. A server that does
answer is not such a receiver, and has not understood what was written.
"""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from audit_provider.core.errors import (
    AuditError,
    ConfigurationError,
    CredentialError,
    HungUpError,
    ProtocolError,
    RetryError,
    UnavailableError,
)
from audit_provider.core.wire.addresses import refuse_address
from audit_provider.core.wire.redacting import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

BALANCER_SECONDS = 4.0
"""By default, HAProxy without a server behind it hangs up 3 s after the handshake: three more tries, a second apart."""

_CLOSE_SECONDS = 1.0
_READ_BYTES = 64 * 1024
_WORDS_SHOWN = 120
_REFUSALS_OF_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
"""Parts of the names of TLS alerts with which a server refuses a client's certificate, or its absence."""


class TcpClient:
    """Opens connections to one receiver, and keeps idle ones for the next batch.

    :param tls: None for plain TCP.
    :param server_hostname: Name that the certificate must have. Default: ``host``.
    :param service: Kind of the receiver, for messages.
    :param timeout: Seconds to connect, and maximum seconds without progress in a write.
    :param settle: Seconds to wait on a new connection for the receiver to close it, as a TLS 1.3 receiver does that
        refuses the client certificate.
    :param first_settle: The same for the first connection, and for one after a failure: a load balancer without a
        receiver needs this long. Default: :data:`BALANCER_SECONDS`, or 0 if ``settle`` is 0.
    :param allow_link_local: Whether the receiver may have such an address; a cloud's metadata service is never used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        server_hostname: str = "",
        service: str,
        timeout: float = 30.0,
        settle: float = 1.0,
        first_settle: float | None = None,
        allow_link_local: bool = False,
    ) -> None:
        self.where = f"{service} {host}:{port}"
        self._address = (host, port)
        self._tls = tls
        self._server_hostname = server_hostname or host
        self._timeout = timeout
        self._settle = settle
        if first_settle is None:
            first_settle = BALANCER_SECONDS if settle else 0.0
        self._first_settle = max(settle, first_settle)
        self._is_proven = False
        self._allow_link_local = allow_link_local
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        weakref.finalize(self, _close_all, self._idle)

    def write(self, content: bytes, settle: float) -> None:
        """Write all of ``content`` on one connection that is still open afterwards.

        :param settle: Seconds to wait afterwards for the receiver to close the connection.
        :raises HungUpError: the receiver closed the connection meanwhile; how much of the content arrived is unknown.
        :raises UnavailableError: there is no connection, or the receiver stops reading.
        :raises ProtocolError: the receiver answers.
        :raises StopError: the receiver cannot be reached as it is configured.
        """
        connected = self._open_connection()
        try:
            try:
                with self._errors(written=True):
                    connected.settimeout(self._timeout)
                    rest = memoryview(content)
                    while rest:  # ``sendall`` of a plain socket would have all of it written within the timeout
                        rest = rest[connected.send(rest) :]
            except HungUpError:
                # If the receiver said something before it hung up, that says more.
                with suppress(RetryError):
                    self._hung_up(connected, 0)
                raise
            if self._hung_up(connected, settle, written=True):
                raise HungUpError(f"{self.where} closed the connection; how much it received is unknown.")
        except BaseException:
            self._is_proven = False
            connected.close()
            raise
        with self._lock:
            self._idle.append(connected)

    def probe(self) -> str:
        """Open a connection, check that it stays open and silent, and return the protocol's name.

        :raises AuditError: it does not.
        """
        connected = self._connected()
        try:
            return (connected.version() or "TLS") if isinstance(connected, ssl.SSLSocket) else "plain TCP"
        finally:
            _close(connected)

    def close(self) -> None:
        """End the idle connections."""
        with self._lock:
            _close_all(self._idle)

    def _open_connection(self) -> socket.socket:
        """Return an idle connection that the other end has not closed, or a new one."""
        while True:
            with self._lock:
                connected = self._idle.pop() if self._idle else None
            if connected is None:
                return self._connected()
            try:
                if not self._hung_up(connected, 0):
                    return connected
            except ProtocolError:
                connected.close()
                raise
            except AuditError:
                pass
            self._is_proven = False
            connected.close()

    def _connected(self) -> socket.socket:
        proven, self._is_proven = self._is_proven, False
        connected = self._handshake()
        try:
            if self._hung_up(connected, self._settle if proven else self._first_settle):
                raise UnavailableError(
                    f"{self.where} closed the connection before anything was written: it may require a client "
                    "certificate ('cert' and 'key' in the connection's extra), or a load balancer in between has no "
                    "receiver behind it."
                )
        except BaseException:
            connected.close()
            raise
        self._is_proven = True
        return connected

    def _handshake(self) -> socket.socket:
        with self._errors():
            connected = socket.create_connection(self._address, timeout=self._timeout)
            try:
                refuse_address(str(connected.getpeername()[0]), allow_link_local=self._allow_link_local)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if self._tls is None:
                    return connected
                return self._tls.wrap_socket(connected, server_hostname=self._server_hostname)
            except BaseException:
                connected.close()
                raise

    def _hung_up(self, connected: socket.socket, settle: float, *, written: bool = False) -> bool:
        """Whether the receiver has closed the connection.

        :param written: Something was just written to it.
        :raises ProtocolError: it sends data.
        """
        connected.settimeout(settle)
        with self._errors(written=written):
            try:
                said = connected.recv(_READ_BYTES)
            except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
                return False
        if said:
            words = "".join(each if each.isprintable() else " " for each in Redactor().excerpt(said, _WORDS_SHOWN))
            raise ProtocolError(
                f"{self.where} answers ({words.strip() or f'{len(said)} bytes'}), which no such receiver does, so "
                "nothing counts as delivered: check host and port of the connection."
            )
        return True

    @contextmanager
    def _errors(self, *, written: bool = False) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise ConfigurationError(
                f"{self.where} has a certificate that is not trusted ({error.verify_message}): set 'ca' or "
                "'server_hostname' in the connection's extra."
            ) from None
        except ssl.SSLError as error:
            reason = error.reason or type(error).__name__
            if "ALERT" in reason and any(each in reason for each in _REFUSALS_OF_CERTIFICATE):
                raise CredentialError(
                    f"{self.where} does not accept the client certificate ({reason}): set 'cert' and 'key' in the "
                    "connection's extra."
                ) from None
            if written:
                raise HungUpError(f"{self.where} ended the connection ({reason}).") from None
            if "WRONG_VERSION_NUMBER" in reason or "ALERT" in reason:
                raise ConfigurationError(
                    f"{self.where} and this client have no TLS version or cipher in common ({reason}): check host and "
                    "port of the connection, and the receiver's TLS."
                ) from None
            raise UnavailableError(f"{self.where} ended the connection ({reason}).") from None
        except UnicodeError:
            raise ConfigurationError(f"{self.where} is not an address: check the connection's host.") from None
        except OSError as error:
            kind = HungUpError if written and isinstance(error, ConnectionError) else UnavailableError
            raise kind(
                f"{self.where} cannot be written to ({type(error).__name__}: {error.strerror or error})."
            ) from None


def _close_all(idle: list[socket.socket]) -> None:
    while idle:
        _close(idle.pop())


def _close(connected: socket.socket) -> None:
    """Close the TLS session properly, so that the receiver can distinguish the end from an interruption."""
    with suppress(OSError, ValueError):
        connected.settimeout(_CLOSE_SECONDS)
        if isinstance(connected, ssl.SSLSocket):
            connected.unwrap()
        connected.shutdown(socket.SHUT_WR)
    connected.close()
