"""A stand-in for an SSH server: SFTP version 3 in a folder, and forwarding to addresses that it reaches.

https://docs.paramiko.org/en/stable/api/server.html
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import socket
import tempfile
import threading
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit_provider.core.wire.ssh import SshConnection
from audit_provider.testing.server import Reply, Request, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from audit_provider.core.destinations.spec import DestinationSpec

_ACCEPT_SECONDS = 0.02
_PIECE = 64 * 1024


class SftpService(Service):
    """An SSH server on 127.0.0.1; ``url`` is the address of control requests only.

    The fault ``cut`` at the path ``/<operation>``, such as ``/rename`` or ``/write``, does the operation and then ends
    the connection instead of answering; with ``status`` it is answered as a failure.

    :param read_only: nobody may write. :param forwards: whether connections are forwarded.
    :param hosts: names that only this server knows, with the address of each.
    :ivar folder: the folder that it serves. :ivar forwarded: every host and port that was reached through it.
    """

    name = "sftp"
    destination = "sftp"
    options: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        password: str,
        *,
        user: str = "audit",
        read_only: bool = False,
        forwards: bool = True,
        hosts: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        super().__init__()
        self.user = user
        self.password = password
        self.read_only = read_only
        self.forwards = forwards
        self.hosts = dict(hosts or {})
        self.folder = Path(tempfile.mkdtemp(prefix="sandbox-sftp-"))
        self.forwarded: list[tuple[str, int]] = []
        self.transports: list[paramiko.Transport] = []
        self._host_key = _new_host_key()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(_ACCEPT_SECONDS)
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name=self.name)

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> SftpService:
        """Return a server. :param now: not used, because it takes files of any age."""
        return cls("pw")

    def access(self, spec: DestinationSpec, *, right: bool = True) -> SshConnection:
        """Return an SSH connection that checks the host key. :param right: whether the password is right."""

        def connect() -> Any:
            kind, key = self.host_key.split()
            client = paramiko.SSHClient()
            place = f"[127.0.0.1]:{self.port}"
            client.get_host_keys().add(place, kind, paramiko.PKey.from_type_string(kind, b64decode(key)))
            password = self.password if right else "wrong"
            client.connect(
                "127.0.0.1", self.port, self.user, password, allow_agent=False, look_for_keys=False, timeout=10
            )
            return client

        return SshConnection(connect, f"ssh://127.0.0.1:{self.port}")

    def bodies(self) -> list[bytes]:
        """Return the files, decompressed."""
        return [gzip.decompress((self.folder / path).read_bytes()) for path in self.files()]

    @property
    def port(self) -> int:
        """The SSH port."""
        return int(self._listener.getsockname()[1])

    @property
    def host_key(self) -> str:
        """The server's public key, as ``known_hosts`` and the extra ``host_key`` have it."""
        return f"{self._host_key.get_name()} {self._host_key.get_base64()}"

    def start(self) -> Service:
        """Start serving."""
        self._acceptor.start()
        return super().start()

    def stop(self) -> None:
        """Stop serving, and remove the folder."""
        self._stopped.set()
        self._acceptor.join()
        self._listener.close()
        for transport in self.transports:
            transport.close()
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def files(self) -> list[str]:
        """Return the paths of all files, temporary ones included."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def ids(self) -> list[str]:
        """Return the ``id`` of every record in finished files, repeats included."""
        return [
            str(json.loads(line)["id"])
            for path in self.files()
            if path.endswith(".ndjson.gz")
            for line in gzip.decompress((self.folder / path).read_bytes()).splitlines()
        ]

    def state(self) -> dict[str, Any]:
        """Return counts, files and ids."""
        ids = self.ids()
        return {"events": len(ids), "duplicates": self.duplicates(), "files": self.files(), "ids": ids}

    def answer(self, request: Request) -> Reply:
        """Answer that files are sent over SSH."""
        return Reply.json(404, {"error": f"SSH is at port {self.port}"})

    def connections(self) -> int:
        """Return how many SSH connections are open."""
        return sum(transport.is_active() for transport in self.transports)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connected, _ = self._listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        connected.settimeout(None)
        transport = paramiko.Transport(connected)
        self.transports.append(transport)
        transport.add_server_key(self._host_key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, service=self, transport=transport)
        login = _Login(self)
        channels: list[Any] = []  # kept, because a channel without a reference is closed
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=login)
            while transport.is_active() and not self._stopped.is_set():
                channel = transport.accept(_ACCEPT_SECONDS)
                if channel is None:
                    continue
                channels.append(channel)
                reached = login.reached.pop(channel.get_id(), None)
                if reached is not None:
                    for ends in ((channel, reached), (reached, channel)):
                        threading.Thread(target=_copy, args=ends, daemon=True).start()


class _Login(paramiko.ServerInterface):  # type: ignore[misc]
    """Decides who may log in, and which channels they may open."""

    def __init__(self, service: SftpService) -> None:
        self._service = service
        self.reached: dict[int, socket.socket] = {}

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> Any:
        right = (username, password) == (self._service.user, self._service.password)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> Any:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> Any:
        if not self._service.forwards:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        host, port = destination
        try:
            self.reached[chanid] = socket.create_connection((self._service.hosts.get(host, host), port), timeout=10)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self._service.forwarded.append((host, port))
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    """The folder that is served; no path leads out of it."""

    def __init__(self, server: Any, *, service: SftpService, transport: paramiko.Transport) -> None:
        super().__init__(server)
        self._service = service
        self._transport = transport

    def open(self, path: str, flags: int, attr: Any) -> Any:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes and self._service.read_only:
            return paramiko.SFTP_PERMISSION_DENIED
        try:
            descriptor = os.open(self._real(path), flags, 0o666)
        except OSError as error:
            return _refusal(error)
        handle = _File(self, flags)
        file = os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb" if writes else "rb")
        handle.readfile = handle.writefile = file
        return self.told("/open", handle)

    def stat(self, path: str) -> Any:
        try:
            found = self._real(path).stat()
        except OSError as error:
            return _refusal(error)
        return self.told("/stat", paramiko.SFTPAttributes.from_stat(found))

    lstat = stat

    def list_folder(self, path: str) -> Any:
        try:
            found = list(self._real(path).iterdir())
            return [paramiko.SFTPAttributes.from_stat(each.stat(), each.name) for each in found]
        except OSError as error:
            return _refusal(error)

    def remove(self, path: str) -> Any:
        return self._do("/remove", lambda: self._real(path).unlink())

    def mkdir(self, path: str, attr: Any) -> Any:
        return self._do("/mkdir", lambda: self._real(path).mkdir())

    def rmdir(self, path: str) -> Any:
        return self._do("/rmdir", lambda: self._real(path).rmdir())

    def rename(self, oldpath: str, newpath: str) -> Any:
        """Rename as version 3 does: never over an existing file."""
        source, target = self._real(oldpath), self._real(newpath)

        def work() -> None:
            if source.exists() and target.exists():
                raise FileExistsError(errno.EEXIST, "it exists")
            source.rename(target)

        return self._do("/rename", work)

    def posix_rename(self, oldpath: str, newpath: str) -> Any:
        """Rename as OpenSSH's extension does: over an existing file."""
        return self._do("/posix-rename", lambda: self._real(oldpath).replace(self._real(newpath)))

    def told(self, operation: str, result: Any) -> Any:
        """Return the answer to an operation that was done, or end the connection."""
        fault = self._service.faults.next_for(operation)
        if fault is not None and fault.kind == "cut":
            self._transport.close()
        return paramiko.SFTP_FAILURE if fault is not None else result

    def _do(self, operation: str, work: Any) -> Any:
        if self._service.read_only:
            return paramiko.SFTP_PERMISSION_DENIED
        try:
            work()
        except OSError as error:
            return _refusal(error)
        return self.told(operation, paramiko.SFTP_OK)

    def _real(self, path: str) -> Path:
        """Return the real path of a client's path; canonical paths never lead out of the folder."""
        inside: str = self.canonicalize(path)
        return self._service.folder / inside.lstrip("/")


class _File(paramiko.SFTPHandle):  # type: ignore[misc]
    def __init__(self, files: _Files, flags: int) -> None:
        super().__init__(flags)
        self._files = files

    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def write(self, offset: int, data: bytes) -> Any:
        return self._files.told("/write", super().write(offset, data))


def _refusal(error: OSError) -> Any:
    """Return the answer to an operation that failed, as OpenSSH chooses it."""
    if error.errno == errno.ENAMETOOLONG:
        return paramiko.SFTP_BAD_MESSAGE
    return paramiko.SFTPServer.convert_errno(error.errno or errno.EIO)


def _new_host_key() -> paramiko.PKey:
    """Return a key of a kind that is made quickly and that every version of Airflow's SSH provider can compare."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return paramiko.Ed25519Key(file_obj=io.StringIO(made.decode()))


def _copy(source: Any, target: Any) -> None:
    with suppress(OSError, EOFError):
        while data := source.recv(_PIECE):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError, EOFError):
            end.shutdown(socket.SHUT_RDWR)
            end.close()
