"""Where the spool's objects are kept. Each object is written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audit_provider.core.errors import ConfigurationError, CredentialError, SpoolDamagedError, UnavailableError
from audit_provider.core.wire.aws import CLOCK_WORDS, SESSION_WORDS, aws_error_of, checksum_of, in_time, is_web_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_MOST_PART_BYTES = 255
_MOST_KEY_BYTES = 1024
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_REFUSED = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
_MISCONFIGURED = _REFUSED | {"NoSuchBucket"}


class Store(Protocol):
    """Objects by key. A key is a relative path with ``/``; a put is atomic, and durable when it returns."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""

    def get(self, key: str) -> bytes:
        """Return an object.

        :raises SpoolDamagedError: there is none.
        """

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix`` (a folder, ending in ``/``, or "" for all), in order."""

    def names(self, folder: str, after: str = "") -> Iterator[str]:
        """Yield the names of the objects directly in a folder, in order, without those in its subfolders.

        :param folder: ends in ``/``. :param after: only names greater than this one.
        """

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below ``prefix`` (a folder, ending in ``/``, or ""), in order."""

    def delete(self, key: str) -> None:
        """Remove an object; it is no error if there is none."""


def check_key(key: str) -> None:
    """Refuse a key that would lead out of the spool on some store, or that is too long for a store.

    The check includes the key's Unicode compatibility form (NFKC), because some file systems normalise names.

    :raises ConfigurationError: the key is such a key.
    """
    parts = key.removesuffix("/").split("/")
    folded = unicodedata.normalize("NFKC", key).removesuffix("/").split("/")
    leads_out = len(parts) != len(folded) or any(part in ("", ".", "..") for part in (*parts, *folded))
    if leads_out or "\\" in "".join(folded) or not key.isprintable():
        raise ConfigurationError(f"{key[:100]!r} would lie outside the spool: rename the pipeline or the destination.")
    sizes = [len(part.encode(errors="replace")) for part in parts]
    if max(sizes) > _MOST_PART_BYTES or sum(sizes) > _MOST_KEY_BYTES:
        raise ConfigurationError(
            f"{key[:100]!r} and so on is too long a name for the spool: rename the pipeline or the destination."
        )


class LocalStore:
    """A folder on this machine, readable by its owner alone.

    :param root: made with mode 0700 when the first object is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def put(self, key: str, content: bytes) -> None:
        """Write to a temporary file beside the target, flush it to disk, and rename it over the target."""
        target = self._path(key)
        try:
            self._make_folder(target.parent)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    # Set again, because a umask may have removed rights that the owner needs.
                    os.fchmod(file.fileno(), _FILE_MODE)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(target)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
            _flush_folder(target.parent)
        except OSError as error:
            raise UnavailableError(
                f"the spool at {self._root} cannot be written ({error.strerror}): free or repair the disk, "
                f"or set [audit_logs] spool to another place; nothing was lost and no position moved."
            ) from error

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise SpoolDamagedError(
                f"the spool at {self._root} has no {key}, although the position says it was written: restore it, "
                f"or check that every worker sees the same spool."
            ) from None
        except OSError as error:
            raise UnavailableError(f"the spool at {self._root} cannot be read ({error.strerror}).") from error

    def keys(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix) if prefix else self._root
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    yield path.relative_to(self._root).as_posix()

    def names(self, folder: str, after: str = "") -> Iterator[str]:
        path = self._path(folder)
        if not path.is_dir():
            return
        with os.scandir(path) as entries:
            found = [each.name for each in entries if each.name > after and each.is_file()]
        yield from sorted(each for each in found if not each.startswith("."))

    def folders(self, prefix: str) -> list[str]:
        folder = self._path(prefix) if prefix else self._root
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            each.chmod(_FOLDER_MODE)
            _flush_folder(each.parent)


class S3Store:
    """A prefix of a bucket.

    :param client: a boto3 S3 client. :param prefix: without slashes at its ends; "" is the whole bucket.
    :param name: what it is called in messages. :param sleep: called with seconds.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str,
        *,
        name: str = "the spool",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._name = name

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, key: str, content: bytes) -> None:
        """Write with one PutObject, which S3 keeps completely or not at all.

        :raises ConfigurationError: the answer has no ETag, so it did not come from S3.
        """
        answer = self._call("put_object", key, Body=content, **checksum_of(content))
        if not answer.get("ETag"):
            raise ConfigurationError(
                f"{self._name} at {self} answered put_object without an ETag, so this is not S3: check the "
                "connection's endpoint and proxies in between; no position moved."
            )

    def get(self, key: str) -> bytes:
        body = self._call("get_object", key)["Body"]
        try:
            content: bytes = body.read()
        except Exception as error:
            raise UnavailableError(f"{self._name} at {self} broke off while {key} was read.") from error
        return content

    def keys(self, prefix: str) -> Iterator[str]:
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                yield entry["Key"][len(self._prefix) :]

    def names(self, folder: str, after: str = "") -> Iterator[str]:
        above = len(self._prefix + folder)
        begin = {"StartAfter": f"{self._prefix}{folder}{after}"} if after else {}
        for page in self._pages(folder, Delimiter="/", **begin):
            for entry in page.get("Contents", ()):
                if (name := entry["Key"][above:]) > after:
                    yield name

    def folders(self, prefix: str) -> list[str]:
        pages, above = self._pages(prefix, Delimiter="/"), len(self._prefix + prefix)
        return sorted(entry["Prefix"][above:-1] for page in pages for entry in page.get("CommonPrefixes", ()))

    def delete(self, key: str) -> None:
        self._call("delete_object", key)

    def _pages(self, prefix: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix, **arguments))
        while page := self._guarded("list_objects_v2", prefix, lambda: next(pages, None)):
            yield page

    def _call(self, method: str, key: str, **arguments: Any) -> Any:
        check_key(key)
        call = getattr(self._client, method)

        def signed_anew() -> Any:
            return call(Bucket=self._bucket, Key=self._prefix + key, **arguments)

        return self._guarded(method, key, lambda: in_time(signed_anew, self._sleep))

    def _guarded(self, method: str, key: str, call: Callable[[], Any]) -> Any:
        if key:
            check_key(key)
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
        from botocore.parsers import ResponseParserError

        try:
            answer = call()
            if isinstance(answer, dict) and is_web_page(answer):
                raise ConfigurationError(
                    f"{self._name} at {self} answered {method} with a web page, so this is no S3: check the "
                    f"connection's endpoint, and whether a proxy or a login page stands in between."
                )
            return answer
        except ClientError as error:
            found = aws_error_of(error)
            code = found.code
            if code in _MISSING:
                raise SpoolDamagedError(
                    f"{self._name} at {self} has no {key}, although the position says it was written: restore it."
                ) from None
            if found.is_clock:
                raise UnavailableError(f"{self._name} at {self} refuses {method} ({code}): {CLOCK_WORDS}.") from None
            if found.is_session:
                raise ConfigurationError(
                    f"{self._name} at {self} refuses {method} ({code}): {SESSION_WORDS}."
                ) from None
            if code in _MISCONFIGURED or found.status == 403:
                kind = CredentialError if code in _REFUSED else ConfigurationError
                raise kind(
                    f"{self._name} at {self} refuses {method} ({code}): check the bucket and the connection's rights."
                ) from None
            raise UnavailableError(f"{self._name} at {self} answered {code} to {method}.") from None
        except NoCredentialsError:
            # The service that provides a machine's role may fail for a moment, so another try may succeed.
            raise UnavailableError(
                f"{self._name} at {self} is to be used without a credential: make the connection that it names in "
                f"Airflow, or give this machine a role."
            ) from None
        except ResponseParserError:
            raise UnavailableError(f"{self._name} at {self} gave an answer to {method} that is not S3's.") from None
        except BotoCoreError as error:
            raise UnavailableError(f"{self._name} at {self} cannot be reached ({type(error).__name__}).") from None


def _flush_folder(folder: Path) -> None:
    """Make a rename or a new folder durable, so that it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
