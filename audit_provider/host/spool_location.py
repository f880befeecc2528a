"""Opens the store that a spool URI names, with Airflow's connections."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from audit_provider.core.errors import ConfigurationError, SpoolDamagedError, UnavailableError
from audit_provider.core.spool import LocalStore, S3Store
from audit_provider.core.spool.store import check_key
from audit_provider.host.connection import connection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.spool import Store

DEFAULT_AWS_CONN_ID = "aws_default"


def open_store(uri: str) -> Store:
    """Return the store that a spool URI names.

    ``file:///path`` or a plain absolute path is a folder of this machine. ``s3://[conn_id@]bucket/prefix`` is a bucket,
    opened with the Amazon provider's hook. For any other scheme, Airflow's ObjectStoragePath is used.

    :raises ConfigurationError: the URI cannot be used.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ConfigurationError("the spool is no valid URI: write s3://conn_id@bucket/prefix or a path.") from None
    if parts.password is not None or (parts.username and parts.scheme in ("", "file")):
        # The message must not show the URI.
        raise ConfigurationError(
            "the spool's URI must not contain a credential: name a connection, as in s3://conn_id@bucket/prefix."
        )
    if parts.scheme in ("", "file"):
        path = Path(unquote(parts.path))
        if parts.netloc or not path.is_absolute():
            raise ConfigurationError(f"the spool {uri!r} must be an absolute path, as in file:///var/lib/audit_spool.")
        return LocalStore(path)
    if not parts.hostname:
        raise ConfigurationError(f"the spool {uri!r} names no bucket: write s3://conn_id@bucket/prefix.")
    if parts.scheme == "s3":
        return S3Store(s3_client(parts.username or DEFAULT_AWS_CONN_ID), parts.hostname, parts.path.strip("/"))
    return ObjectStore(uri)


def load_s3() -> None:
    """Import what an S3 client needs. Sends no request. The first time takes seconds, on a busy machine many."""
    with suppress(ImportError):
        import airflow.providers.amazon.aws.hooks.s3  # noqa: F401


def s3_client(conn_id: str) -> Any:
    """Return a boto3 S3 client for an ``aws`` connection; its ``endpoint_url`` is used.

    If there is no such connection, the Amazon provider uses the machine's own role, and only logs a warning.

    :raises ConfigurationError: it has no usable credential.
    :raises UnavailableError: Airflow does not say whether there is such a connection.
    """
    # Imported here because the import takes seconds and most tasks do not need it.
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.common.compat.sdk import AirflowException

    with suppress(ConfigurationError):
        connection_of(conn_id, "'aws'")
    try:
        return S3Hook(aws_conn_id=conn_id).get_conn()
    except AirflowException as error:
        raise ConfigurationError(
            f"the connection {conn_id!r} cannot be used for S3 ({error}): check its keys or role."
        ) from None
    except ValueError:
        # boto3's message contains the whole endpoint, which may contain a password.
        raise ConfigurationError(
            f"the connection {conn_id!r} cannot be used for S3: its 'endpoint_url' must be a URL such as "
            "https://s3.example.com, and its 'region_name' the name of a region, such as eu-west-1."
        ) from None


class ObjectStore:
    """A store over Airflow's ObjectStoragePath, for any scheme that it opens.

    :param uri: ``scheme://[conn_id@]bucket/prefix``.
    """

    def __init__(self, uri: str) -> None:
        from airflow.sdk import ObjectStoragePath

        try:
            self._root = ObjectStoragePath(uri.rstrip("/"))
            self._files = self._root.fs
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"the spool {uri!r} cannot be opened ({error}): install its library.") from None

    def __str__(self) -> str:
        return str(self._root)

    def put(self, key: str, content: bytes) -> None:
        """Write with one call, because closing a file after an error would still publish what was written."""
        path = self._path(key)
        self._guarded(self._files.makedirs, path.rpartition("/")[0], exist_ok=True)
        self._guarded(self._files.pipe_file, path, content)

    def get(self, key: str) -> bytes:
        """Return an object."""
        path = self._path(key)
        try:
            content: bytes = self._guarded(self._files.cat_file, path)
        except FileNotFoundError:
            raise SpoolDamagedError(
                f"the spool has no {path}, although the position says that it was written: restore it."
            ) from None
        return content

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield keys below a folder."""
        root = self._path("")
        for path in sorted(self._listed(self._files.find, self._path(prefix), on_error=_raise_outage)):
            yield path[len(root) :].lstrip("/")

    def names(self, folder: str, after: str = "") -> Iterator[str]:
        """Yield the names of the objects directly in a folder."""
        found = self._listed(self._files.ls, self._path(folder.rstrip("/")), detail=True)
        names = (each["name"].rpartition("/")[2] for each in found if each.get("type") != "directory")
        yield from sorted(each for each in names if each > after)

    def folders(self, prefix: str) -> list[str]:
        """Return the folders directly below a folder."""
        found = self._listed(self._files.ls, self._path(prefix.rstrip("/")), detail=True)
        return sorted(each["name"].rstrip("/").rpartition("/")[2] for each in found if each.get("type") == "directory")

    def delete(self, key: str) -> None:
        """Remove an object."""
        with suppress(FileNotFoundError):
            self._guarded(self._files.rm_file, self._path(key))

    def _path(self, key: str) -> str:
        if key:
            check_key(key)
        path: str = self._files._strip_protocol(str(self._root / key) if key else str(self._root))
        return path

    def _listed(self, call: Any, path: str, **options: Any) -> Any:
        """Return the present content of a folder.

        Airflow keeps the file system object as long as the process lives, and that object caches listings.
        """
        self._files.invalidate_cache()
        try:
            return self._guarded(call, path, **options)
        except FileNotFoundError:
            return []

    def _guarded(self, call: Any, path: str, *arguments: Any, **options: Any) -> Any:
        """Call a function and return its result.

        :raises FileNotFoundError: there is no such object. :raises UnavailableError: anything else went wrong.
        """
        try:
            return call(path, *arguments, **options)
        except FileNotFoundError:
            raise
        except Exception as error:  # every library has its own errors for an outage
            raise UnavailableError(f"the spool at {self._root} does not answer ({type(error).__name__}).") from error


def _raise_outage(error: OSError) -> None:
    """Raise an error that would otherwise make a folder look empty."""
    if not isinstance(error, FileNotFoundError):
        raise error
