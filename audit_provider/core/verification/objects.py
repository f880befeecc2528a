"""Read the ids and contents of events from the objects in a bucket."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

import msgspec
from isal import igzip
from isal.igzip_lib import IsalError

from audit_provider.core.destinations.folders import FILE_NAME
from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError
from audit_provider.core.model import Fields, utc_now
from audit_provider.core.records.events import RecordReader
from audit_provider.core.spool import S3Store
from audit_provider.core.verification.arrival import THERE, digest_of
from audit_provider.core.verification.segments import FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from audit_provider.core.verification.arrival import Contents, IdBuckets

_ARCHIVE = re.compile(r"archive_.*\.json\.gz")
_OWN_ARCHIVE = re.compile(
    r"archive_\d{6}\.\d{4}\.([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\.json\.gz"
)
"""An archive of this package, named by its content; Datadog's own archives are not."""

_ARCHIVED = Fields(id="attributes.evt.id", time="")
_PARQUET_ID = "metadata.uid"


class ObjectIds:
    """The objects under a prefix: gzip NDJSON, Datadog archives, and OCSF as Parquet. Other objects are skipped.

    :param client: a boto3 S3 client. :param prefix: "" is the whole bucket.
    :param fields: where the records keep their id; objects in a format other than ``raw`` keep it elsewhere.
    :param missing: file to which the missing ids are written, one per line.
    :param contents: yields the contents under which an event may be stored; None if not known: then only ids are
        compared.
    :param form_is_known: whether ``contents`` uses the format and the redaction of the destination; if not, lines that
        may be an envelope are not compared.
    """

    tells_all = True

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str,
        fields: Fields | None,
        *,
        missing: TextIO | None = None,
        contents: Contents | None = None,
        form_is_known: bool = False,
    ) -> None:
        self.contents = contents
        self._form_is_known = form_is_known
        self.where = f"s3://{bucket}/{prefix}".rstrip("/")
        self.missing = missing
        self._store = S3Store(client, bucket, "", name="the destination")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._fields = fields
        self._same: Counter[str] = Counter()

    def gather(self, ids: IdBuckets) -> list[str]:
        """Read every object."""
        faults: list[str] = []
        for key in self._store.keys(self._prefix):
            folder, _, name = key.rpartition("/")
            if not name.endswith((".ndjson.gz", ".parquet")) and not _ARCHIVE.fullmatch(name):
                continue
            try:
                content = fetch(self._store, folder, name)
                ids.add(THERE, *self._read(name, content))
            except FlawError as error:
                faults.append(f"{self.where}: the object {key} {error.flaw.wrong}.")
            except (EOFError, OSError, IsalError, *UNREADABLE, ProtocolError, _DigestError):  # type: ignore[misc]
                faults.append(f"{self.where}: the object {key} is not what was shipped.")
        return faults

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Have nothing to add."""
        return {}

    def said(self, name: str) -> Collection[str]:
        """Have nothing to add."""
        return ()

    def _read(self, name: str, content: bytes) -> tuple[Iterable[str], Iterable[tuple[str, ...]]]:
        """Return the ids in an object, and digests of their contents if these can be compared."""
        if name.endswith(".parquet"):
            return _ids_of_parquet(content), ()
        plain: bytes = igzip.decompress(content)  # type: ignore[no-untyped-call]
        digest = hashlib.sha256(plain).hexdigest()
        archive, hive, own_archive = (each.fullmatch(name) for each in (_ARCHIVE, FILE_NAME, _OWN_ARCHIVE))
        if hive and not digest.startswith(hive[1]):
            raise _DigestError
        if own_archive and str(UUID(digest[:32], version=5)) != own_archive[1]:
            raise _DigestError
        fields = _ARCHIVED if archive else self._fields
        if fields is None:
            raise ConfigurationError(
                f"nothing says where the records in {self.where} keep their ids: name the source by --source, or the "
                f"path by --id-at."
            )
        lines = [line for line in plain.split(b"\n") if line]
        events, _ = RecordReader(fields).events([msgspec.Raw(line) for line in lines], utc_now(), name, same=self._same)
        ids = [event.id for event in events]
        if self.contents is None or len(ids) != len(lines):
            return ids, ()
        return ids, [self._said(line, is_archived=archive is not None) for line in lines]

    def _said(self, line: bytes, *, is_archived: bool) -> tuple[str, ...]:
        if is_archived:
            event = _decode_archived(line).attributes.event
            if event is msgspec.UNSET:
                return ()
            line = bytes(event)
        if not self._form_is_known and _may_be_envelope(line):
            return ()
        return (digest_of(line),)


class _Attributes(msgspec.Struct):
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Archived(msgspec.Struct):
    attributes: _Attributes


class _Enveloped(msgspec.Struct):
    id: str
    time: str
    source: str
    pipeline: str
    raw: msgspec.Raw


_decode_archived = msgspec.json.Decoder(_Archived).decode
_decode_enveloped = msgspec.json.Decoder(_Enveloped).decode


def _may_be_envelope(line: bytes) -> bool:
    try:
        _decode_enveloped(line)
    except UNREADABLE:
        return False
    return True


class _DigestError(Exception):
    """The content of an object does not match its name."""


def _ids_of_parquet(content: bytes) -> list[str]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigurationError(
            "reading Parquet needs pyarrow: install the extra 'parquet' of this package."
        ) from None
    try:
        column = parquet.ParquetFile(pyarrow.BufferReader(content)).read(columns=[_PARQUET_ID])
        return [str(row["metadata"]["uid"]) for row in column.to_pylist()]
    except (pyarrow.ArrowException, KeyError, TypeError):
        raise _DigestError from None
