"""OpenSSH: files over SFTP, in the account of whoever runs this, or of nobody."""

from __future__ import annotations

import gzip
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from audit_provider.core.destinations.sftp import SftpDestination, SftpOptions
from audit_provider.core.model import Event
from audit_provider.core.wire.ssh import SshConnection
from tests.real.account import Finding, Shipment, compare
from tests.real.adverse import ORIGIN, adverse_events, good_events
from tests.real.obtaining import from_debian
from tests.real.process import started
from tests.real.servers.base import Place, Server, free_port

_CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/sender.pub
PidFile none
UsePAM yes
StrictModes no
PasswordAuthentication no

Subsystem sftp internal-sftp {sftp}
{options}
"""


@dataclass
class Account:
    """A server with one account. :ivar folder: that the files go to."""

    port: int
    user: str
    key: Path
    folder: Path
    opened: list[SshConnection] = field(default_factory=list)

    def destination(self, **options: Any) -> SftpDestination:
        """Return the product's own."""

        def connect() -> Any:
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1",
                self.port,
                self.user,
                key_filename=str(self.key),
                allow_agent=False,
                look_for_keys=False,
                timeout=10,
            )
            return client

        connection = SshConnection(connect, f"ssh://127.0.0.1:{self.port}")
        self.opened.append(connection)
        return SftpDestination(SftpOptions(folder=str(self.folder), **options), ORIGIN, connection)

    def held(self) -> list[bytes]:
        """Return the lines of all files that have their final names.

        :raises AssertionError: a file is left that has a temporary name.
        """
        assert not list(self.folder.rglob("*.part")), "a temporary file is left"
        files = sorted(self.folder.rglob("*.ndjson.gz"))
        return [line for each in files for line in gzip.decompress(each.read_bytes()).split(b"\n")[:-1]]


@contextmanager
def serving(place: Place, *, sftp: str = "", options: str = "") -> Iterator[Account]:
    """Run a server. :param sftp: arguments of its SFTP. :param options: further lines of its configuration."""
    # Run by root it would want an account of its own made for it.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    for name in ("host_key", "sender"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place.folder / name)]
        subprocess.run(command, check=True)
    files = place.folder / "files"
    files.mkdir()
    if os.geteuid() == 0:
        os.chown(files, user.pw_uid, user.pw_gid)
        os.chown(place.folder / "host_key", user.pw_uid, user.pw_gid)
    port = free_port()
    text = _CONFIGURATION.format(port=port, folder=place.folder, sftp=sftp, options=options)
    configuration = place.write("sshd_config", text)
    made, as_user = place.made, {}
    if os.geteuid() == 0:
        # Nobody may enter root's cache.
        made, as_user = made.copied(place.folder / "root"), {"user": user.pw_name}
    command = [made.program("usr/sbin/sshd"), "-D", "-e", "-f", str(configuration)]
    with started(command, place.folder / "sshd.log", port, environment=made.environment, **as_user):
        account = Account(port, user.pw_name, place.folder / "sender", files)
        try:
            yield account
        finally:
            for each in account.opened:
                each.close()


def ships(place: Place, events: Sequence[Event], *, takes: int | None = None, **options: Any) -> Finding:
    """Ship, and ship again: the second time everything is there already."""
    with serving(place) as account:
        destination = account.destination(**options)
        shipment = Shipment(events).run(destination)
        again = Shipment(events).run(destination)
        held = account.held()
    if again.offset.counts.already_there != len(events) or len(held) != len(events):
        return Finding(shipment.said, str(len(held)), f"shipped again: {again.said}")
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), takes=takes)


def refuses(place: Place, ends: str, *, sftp: str = "", options: str = "", mode: int | None = None) -> Finding:
    """Ship to a server that takes nothing: the run is red, and nothing is counted."""
    with serving(place, sftp=sftp, options=options) as account:
        if mode is not None:
            account.folder.chmod(mode)
        shipment = Shipment(good_events(20)).run(account.destination())
        held = account.held()
    return compare(shipment, held, lambda event: bytes(event.raw), ends=ends, takes=0)


def tunnels(place: Place, *, allowed: bool) -> Finding:
    """Ship to a receiver that only the SSH server reaches."""
    import requests

    from audit_provider.core.destinations.http import HttpDestination, HttpOptions
    from audit_provider.core.wire.http import HttpClient
    from audit_provider.core.wire.ssh import TunnelAdapter
    from tests.core.destinations.stand_ins import serving as receiving
    from tests.real.adverse import NOW

    events = good_events(20)
    with (
        receiving(lambda request: (200, {}, {})) as receiver,
        serving(place, options="" if allowed else "AllowTcpForwarding no") as account,
    ):
        account.destination()
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", TunnelAdapter(account.opened[0]))
        client = HttpClient(session, receiver.url, service="the receiver", sleep=lambda _: None, now=lambda: NOW)
        destination = HttpDestination(HttpOptions(shape="ndjson"), ORIGIN, client)
        shipment = Shipment(events).run(destination)
        held = [line for each in receiver.requests for line in each.body.split(b"\n")[:-1]]
    return compare(
        shipment,
        held,
        lambda event: destination.encode(event, restamp=False),
        takes=20 if allowed else 0,
        ends="well" if allowed else "AllowTcpForwarding",
    )


_RIGHTS = "check its permissions and 'folder'"

SCENARIOS: dict[str, Callable[[Place], Finding]] = {
    "adverse events, twice, partitioned": lambda place: ships(
        place.below("partitioned"), adverse_events(), takes=len(adverse_events())
    ),
    "adverse events, twice, flat": lambda place: ships(
        place.below("flat"), adverse_events(), takes=len(adverse_events()), layout="flat"
    ),
    "read only (internal-sftp -R)": lambda place: refuses(place.below("read_only"), _RIGHTS, sftp="-R"),
    "folder of mode 555": lambda place: refuses(place.below("mode"), _RIGHTS, mode=0o555),
    "no subsystem": lambda place: refuses(
        place.below("subsystem"), "may not offer SFTP", options="Match all\n  ForceCommand /bin/false"
    ),
    "rename denied (-P rename,posix-rename)": lambda place: refuses(
        place.below("rename"), _RIGHTS, sftp="-P rename,posix-rename"
    ),
    "tunnel": lambda place: tunnels(place.below("tunnel"), allowed=True),
    "tunnel, AllowTcpForwarding no": lambda place: tunnels(place.below("no_tunnel"), allowed=False),
}

SERVERS = (
    Server(
        "OpenSSH",
        "9.2p1",
        lambda version: from_debian("openssh-server", version, "openssh-sftp-server"),
        SCENARIOS,
    ),
)
