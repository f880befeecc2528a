"""One SSH connection: files over SFTP, and tunnels to addresses that only the SSH server reaches.

https://docs.paramiko.org
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from audit_provider.core.errors import ConfigurationError, CredentialError, UnavailableError
from audit_provider.core.wire.addresses import refuse_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import PreparedRequest, Response

_PIECE = 64 * 1024
_WORDS_SHOWN = 200
_UNKNOWN_HOST_KEY = "not found in known_hosts"  # the text of paramiko's error, which has no class of its own
_NO_CHANNEL = "Timeout opening channel"  # the text of another one without a class of its own
_NO_SUBSYSTEM = (
    "the server may not offer SFTP ('Subsystem sftp'), or the account's shell or 'ForceCommand' runs instead"
)
_ENDED = "EOF during negotiation"
_HINTS = {
    "Failure": "its disk or inodes, or the account's quota, may be used up",  # SFTP's status 4
    "Channel closed": _NO_SUBSYSTEM,
    "Garbage packet received": _NO_SUBSYSTEM,
    _ENDED: _NO_SUBSYSTEM,
}
"""The usual reason of an error of OpenSSH, by the beginning of its text."""

_PROHIBITED = 1  # RFC 4254, 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED


class SshConnection:
    """An SSH connection, opened when it is first needed, and again when it was lost. Safe for several threads.

    :param connect: returns a connected paramiko client. :param where: names the server, for messages.
    :param silence: seconds without an answer after which the connection is lost.
    """

    def __init__(self, connect: Callable[[], Any], where: str, *, silence: float = 60.0) -> None:
        self.where = where
        self._connect = connect
        self._silence = silence
        self._lock = threading.Lock()
        self._client: Any = None

    @contextmanager
    def sftp(self) -> Iterator[Any]:
        """Yield a new paramiko SFTP client.

        :raises AuditError: the connection cannot be opened, or is lost meanwhile.
        """
        with ssh_errors(self.where):
            try:
                client = self._sftp_client()
                try:
                    yield client
                finally:
                    client.close()
            except TimeoutError:
                # The connection looks alive but is not, so the next try needs another one.
                self.close()
                raise

    def reach(
        self, host: str, port: int, timeout: float | None = None, *, allow_link_local: bool = False
    ) -> socket.socket:
        """Return a socket whose other end is ``host`` and ``port`` as the SSH server sees them.

        No port is opened on this machine, so nobody else here can use the tunnel.

        :param timeout: seconds to wait for the server to connect to ``host``.
        :param allow_link_local: ``host`` may be a link-local address; a cloud's metadata service is never allowed.
        :raises ConfigurationError: it is not allowed, as far as this machine can resolve it.
        :raises AuditError: the connection cannot be opened, or the server does not reach ``host``.
        """
        from paramiko import ChannelException, SSHException

        refuse_host(host, allow_link_local=allow_link_local)
        transport = self._transport()
        with ssh_errors(self.where):
            try:
                channel = transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout)
            except ChannelException as error:
                if error.code == _PROHIBITED:
                    raise ConfigurationError(
                        f"{self.where} does not forward to {host}:{port}: allow it there (AllowTcpForwarding, "
                        f"PermitOpen)."
                    ) from None
                raise UnavailableError(f"{self.where} does not reach {host}:{port}.") from None
            except SSHException as error:
                if _NO_CHANNEL in str(error):
                    self.close()  # as in sftp
                raise
        near, far = socket.socketpair()
        threading.Thread(target=_carry, args=(far, channel), daemon=True, name=f"ssh to {host}:{port}").start()
        return near

    def close(self) -> None:
        """End the connection and everything that goes through it."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _sftp_client(self) -> Any:
        """Return an SFTP client with a limit on every wait, including the wait for the server's version.

        :raises TimeoutError: the server is silent.
        """
        from paramiko import SSHException

        transport = self._transport()
        try:
            channel = transport.open_session(timeout=self._silence)
        except SSHException as error:
            if _NO_CHANNEL in str(error):
                raise TimeoutError(str(error)) from None
            raise
        try:
            channel.settimeout(self._silence)
            with _ending(channel, self._silence):
                channel.invoke_subsystem("sftp")
            return _client_of(channel)
        except BaseException:
            _close(channel)
            raise

    def _transport(self) -> Any:
        with self._lock:
            transport = self._client.get_transport() if self._client is not None else None
            if transport is None or not transport.is_active():
                with ssh_errors(self.where):
                    self._client = self._connected()
                transport = self._client.get_transport()
            return transport

    def _connected(self) -> Any:
        try:
            return self._connect()
        except (FileNotFoundError, PermissionError) as error:
            raise ConfigurationError(
                f"{self.where} was not contacted, because the key file cannot be read ({type(error).__name__}): check "
                "'key_file' in the connection's extra."
            ) from None


class TunnelAdapter(HTTPAdapter):
    """Sends a session's requests through an SSH connection.

    Only the route differs: the ``Host`` header, the server name in TLS and the check of the certificate are those of
    the URL. Proxies are not used.

    :param allow_link_local: requests may go to such an address.
    """

    def __init__(self, ssh: SshConnection, *, allow_link_local: bool = False) -> None:
        self._ssh = ssh
        self._allow_link_local = allow_link_local
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools whose connections begin at the SSH server."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._ssh, allow_link_local=self._allow_link_local)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a request without a proxy."""
        return super().send(request, *args, **{**kwargs, "proxies": None})

    def close(self) -> None:
        """End the SSH connection too."""
        super().close()
        self._ssh.close()


def _pools(ssh: SshConnection, *, allow_link_local: bool) -> dict[str, type[HTTPConnectionPool]]:
    def reach(connection: HTTPConnection) -> socket.socket:
        timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else None
        reached = ssh.reach(connection.host, connection.port, timeout, allow_link_local=allow_link_local)
        reached.settimeout(timeout)
        return reached

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return reach(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return reach(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def ssh_errors(where: str) -> Iterator[None]:
    """Turn what paramiko raises into errors grouped by what to do.

    :param where: names the server.
    """
    import paramiko

    try:
        yield
    except paramiko.BadHostKeyException:
        raise ConfigurationError(
            f"{where} has another host key than the known one: find out why before you put the new key into 'host_key' "
            "of the connection's extra."
        ) from None
    except paramiko.AuthenticationException:
        raise CredentialError(
            f"{where} does not accept the login: check login, password and key of the connection; everything is kept."
        ) from None
    except paramiko.ssh_exception.ProxyCommandFailure:
        # Its text quotes the command, which must not be logged.
        raise UnavailableError(f"{where} gave no complete answer (its ProxyCommand ended).") from None
    except paramiko.SSHException as error:
        if _UNKNOWN_HOST_KEY in str(error):
            raise ConfigurationError(
                f"the host key of {where} is not known: put it into 'host_key' of the connection's extra, or into "
                f"known_hosts."
            ) from None
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            raise ConfigurationError(
                f"{where} and this client have no algorithm in common: check 'disabled_algorithms' and 'ciphers' of "
                "the connection's extra, and the version of the server."
            ) from None
        raise UnavailableError(f"{where} gave no complete answer ({_reason(error)}){_hint(error)}.") from None
    except (OSError, EOFError, paramiko.SFTPError) as error:
        raise UnavailableError(f"{where} gave no complete answer ({_reason(error)}){_hint(error)}.") from None


def _client_of(channel: Any) -> Any:
    """Return an SFTP client once the server has sent its version.

    :raises TimeoutError: the server is silent.
    :raises paramiko.SSHException: the program that it started for this channel has ended.
    """
    from paramiko import SFTPClient, SSHException

    try:
        return SFTPClient(channel)
    except TimeoutError:
        raise
    except OSError:
        # It ended so early that nothing could be written to it, which means the same as if nothing can be read from it.
        raise SSHException(_ENDED) from None


@contextmanager
def _ending(channel: Any, seconds: float) -> Iterator[None]:
    """Close a channel if its server does not answer in time, because paramiko waits for the answer without a limit.

    :raises TimeoutError: it does not answer in time.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        _close(channel)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise TimeoutError(f"no answer in {seconds:.0f} s") from None
        raise
    finally:
        timer.cancel()


def _close(channel: Any) -> None:
    """Close a channel, also one whose connection is gone."""
    with suppress(OSError, EOFError):
        channel.close()


def _reason(error: BaseException) -> str:
    """Return the kind of an error, and the server's or paramiko's own few words."""
    words = " ".join(str(error).split())[:_WORDS_SHOWN]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _hint(error: BaseException) -> str:
    """Return the usual reason of an error of OpenSSH whose text does not give one."""
    words = str(error)
    return next((f": {hint}" for begin, hint in _HINTS.items() if words.startswith(begin)), "")


def _carry(far: socket.socket, channel: Any) -> None:
    """Carry bytes both ways until either side ends."""
    upward = threading.Thread(target=_upward, args=(far, channel), daemon=True)
    upward.start()
    with suppress(OSError):
        while data := channel.recv(_PIECE):
            far.sendall(data)
    _close(channel)
    with suppress(OSError):
        far.shutdown(socket.SHUT_RDWR)
    upward.join()
    far.close()


def _upward(far: socket.socket, channel: Any) -> None:
    with suppress(OSError, EOFError):  # paramiko raises the latter if the connection has ended
        while data := far.recv(_PIECE):
            channel.sendall(data)
    # An HTTP client that has ended its side wants nothing more; the close also wakes the other direction.
    _close(channel)
