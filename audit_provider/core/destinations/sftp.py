"""A folder on an SFTP server. Files are named by their content, and appear complete or not at all.

https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import stat
import uuid
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit_provider.core.destinations.base import Batch, Item, Limits, Outcome, Verdict
from audit_provider.core.destinations.folders import file_limits, file_name, packed_lines, put_by_folder
from audit_provider.core.destinations.spec import About, DestinationSpec
from audit_provider.core.errors import ConfigurationError, StopError, UnavailableError
from audit_provider.core.formats import Raw
from audit_provider.core.model import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin
    from audit_provider.core.wire.ssh import SshConnection


@dataclass(frozen=True, slots=True)
class SftpOptions:
    """Options of an ``sftp`` destination in the pipelines file.

    :ivar folder: Folder for the files, absolute or relative to the account's home; it is created if missing. Example:
        ``audit``.
    :ivar layout: ``partitioned`` writes ``source=<source>/dt=<day>/<digest>.ndjson.gz``; ``flat`` writes
        ``<source>-<day>-<digest>.ndjson.gz`` into the folder itself.
    :ivar temporary: Suffix of a file's name while it is written; the name then also begins with a dot. Example:
        ``.tmp``.
    :ivar batch_bytes: Maximum size of one file in bytes, before compression. A larger event gets its own file.
    """

    default_conn_id: ClassVar[str] = "sftp_default"
    default_format: ClassVar[str] = "raw"

    folder: str = ""
    layout: Literal["partitioned", "flat"] = "partitioned"
    temporary: str = ".part"
    batch_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if not self.temporary or "/" in self.temporary:
            raise ValueError("'temporary' must be a suffix for a file's name, such as '.part'")


class SftpDestination:
    """A folder. Each batch becomes one file per event day, named by its content, so that a repeat is recognised.

    A file is written under a temporary name and renamed once its size is confirmed. A run that was killed may leave a
    file with a temporary name; it can be deleted.

    :param client: the SSH connection.
    """

    def __init__(
        self, options: SftpOptions, origin: Origin, client: SshConnection, *, form: Form | None = None
    ) -> None:
        self._form = form or Raw(origin)
        self._options = options
        self._origin = origin
        self._client = client
        self._limits = file_limits(options.batch_bytes)

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the event in its form, one line."""
        return self._form.write(event)

    def send(self, batch: Batch) -> Outcome:
        """Put one file per event day; if one fails, the others stay valid."""
        return put_by_folder(batch, lambda item: date_of(item.event.time), self._put)

    def check(self) -> str:
        """Log in and look at the folder."""
        folder = self._options.folder or "."
        with self._client.sftp() as sftp, self._refusals(folder):
            found = _attributes(sftp, folder)
        if found is None:
            return f"{self._client.where} accepts the login; the folder {folder} will be created."
        if not stat.S_ISDIR(found.st_mode or 0):
            raise ConfigurationError(
                f"{folder} at {self._client.where} is not a folder: set 'folder' in the pipelines file."
            )
        return f"{self._client.where} accepts the login, and the folder {folder} exists."

    def path_of(self, day: str, name: str) -> str:
        """Return the path of a file."""
        source = self._origin.source
        flat = self._options.layout == "flat"
        return posixpath.join(
            self._options.folder, f"{source}-{day}-{name}" if flat else f"source={source}/dt={day}/{name}"
        )

    def _put(self, day: str, items: Sequence[Item]) -> Verdict:
        digest, body = packed_lines(items)
        path = self.path_of(day, file_name(digest, items))
        with self._client.sftp() as sftp, self._refusals(path):
            if self._is_there(sftp, path, len(body), digest):
                return Verdict.ALREADY_THERE
            return self._write(sftp, path, body, digest)

    @contextmanager
    def _refusals(self, path: str) -> Iterator[None]:
        try:
            yield
        except PermissionError:
            raise ConfigurationError(
                f"{self._client.where} denies this account access to {path}: check its permissions and 'folder'; "
                "everything is kept."
            ) from None
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._client.where} has no folder for {path}, and it cannot be created: check 'folder'; everything "
                "is kept."
            ) from None

    def _write(self, sftp: Any, path: str, body: bytes, digest: str) -> Verdict:
        folder, name = posixpath.split(path)
        _make(sftp, folder)
        # Every try has its own temporary name, so that two tries at once do not write into one file.
        temporary = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}{self._options.temporary}")
        try:
            # Not paramiko's put: it pipelines the writes, and ignores the answers to the last hundred.
            with sftp.open(temporary, "wb") as file:
                file.write(body)
            if (size := sftp.stat(temporary).st_size) != len(body):
                raise UnavailableError(f"{self._client.where} has {size} of the {len(body)} bytes of {path}.")
            try:
                # The rename of protocol version 3 fails if the name exists, so no file is ever replaced.
                sftp.rename(temporary, path)
            except OSError:
                if not self._is_there(sftp, path, len(body), digest):
                    raise
                _remove(sftp, temporary)
                return Verdict.ALREADY_THERE
        except (OSError, UnavailableError):
            _remove(sftp, temporary)
            raise
        return Verdict.DELIVERED

    def _is_there(self, sftp: Any, path: str, size: int, digest: str) -> bool:
        """Whether a file with this content exists already, perhaps from a try whose answer was lost.

        :raises StopError: the file has other content.
        """
        found = _attributes(sftp, path)
        if found is None:
            return False
        if found.st_size == size:
            return True
        # Another version of the compressor makes other bytes from the same content.
        with sftp.open(path, "rb") as file:
            there = file.read()
        try:
            same = hashlib.sha256(gzip.decompress(there)).hexdigest() == digest
        except (OSError, EOFError, zlib.error):
            same = False
        if not same:
            raise StopError(
                f"{path} at {self._client.where} exists with other content: move it away; everything is kept."
            )
        return True


def _make(sftp: Any, folder: str) -> None:
    """Create a folder and its parents if they are missing."""
    if not folder or _attributes(sftp, folder) is not None:
        return
    _make(sftp, posixpath.dirname(folder))
    try:
        sftp.mkdir(folder)
    except OSError:
        # Another task may have created it meanwhile.
        if _attributes(sftp, folder) is None:
            raise


def _attributes(sftp: Any, path: str) -> Any:
    try:
        return sftp.stat(path)
    except FileNotFoundError:
        return None


def _remove(sftp: Any, path: str) -> None:
    """Remove a temporary file, if the connection still works."""
    from paramiko import SSHException

    with suppress(OSError, EOFError, SSHException):
        sftp.remove(path)


def _connect(options: SftpOptions, origin: Origin, client: SshConnection, form: Form | None = None) -> SftpDestination:
    return SftpDestination(options, origin, client, form=form)


SFTP = DestinationSpec(
    name="sftp",
    options=SftpOptions,
    connect=_connect,
    arguments=("folder",),
    hook="audit_provider.hooks.sftp.SftpAccess",
    place=lambda options: options.folder,
    about=About(
        title="Files over SFTP",
        docs="https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02",
        create="An account with permission to write and rename in one folder.",
        connection="`sftp`, of Airflow's SFTP provider (the extra `ssh`). Host keys are checked.",
        guarantee="Each event is in a file whose size the server confirmed before it got its final name.",
        duplicates="None while the files stay: the name of a file is derived from its content, so a repeat is "
        "recognised. If a reader moves files away, a batch whose answer was lost may be written again.",
        old_events="Any age. The file is in the partition of the day when its events happened.",
        unseen="What the reader of the folder does with the files.",
        example={"folder": "audit"},
    ),
)
