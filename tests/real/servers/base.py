"""What a server is to this suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_provider.sandbox.certificates import Authority
from audit_provider.sandbox.local_airflow import free_ports
from tests.real.account import Finding
from tests.real.obtaining import Obtained


@dataclass(frozen=True)
class Place:
    """A folder for one server's run, on this machine.

    :ivar made: the server's files.
    """

    made: Obtained
    folder: Path

    def below(self, name: str) -> Place:
        """Return a new place of its own in this one."""
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o755)
        return Place(self.made, folder)

    def write(self, name: str, text: str) -> Path:
        """Return the path of a new file with that text."""
        path = self.folder / name
        path.write_text(text)
        return path

    def authority(self) -> Authority:
        """Return a new certificate authority whose files lie here."""
        return Authority(self.folder)


@contextmanager
def unstarted(place: Place) -> Iterator[Place]:
    """Start nothing: each scenario starts a server of its own."""
    yield place


Scenario = Callable[[Any], Finding]


@dataclass(frozen=True)
class Server:
    """A server and what is tried on it.

    :ivar obtain: returns its files; raises :class:`~tests.real.obtaining.UnobtainableError`.
    :ivar version: that is pinned. :ivar serve: runs it while all its scenarios are tried; each is given what it yields.
    """

    name: str
    version: str
    obtain: Callable[[str], Obtained]
    scenarios: Mapping[str, Scenario]
    serve: Callable[[Place], AbstractContextManager[Any]] = unstarted


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    return free_ports(1)[0]
