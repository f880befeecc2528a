"""The ids of the events in a bucket, read from the objects themselves."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from isal import igzip
from isal.igzip_lib import IsalError

from audit_provider.core.errors import UNREADABLE, ConfigurationError, ProtocolError
from audit_provider.core.model import Fields, utc_now
from audit_provider.core.records import RecordReader
from audit_provider.core.spool import S3Store
from audit_provider.core.verification.arrival import THERE
from audit_provider.core.verification.segments import FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from audit_provider.core.verification.piles import Piles

_HIVE = re.compile(r"([0-9a-f]{32})\.ndjson\.gz")
_ARCHIVE = re.compile(r"archive_.*\.json\.gz")
_ARCHIVED = Fields(id="attributes.evt.id", time="")
_PARQUET_ID = "metadata.uid"


class ObjectIds:
    """What lies below a prefix: gzip NDJSON, Datadog archives, and OCSF as Parquet. Other objects are passed over.

    :param client: a boto3 S3 client. :param prefix: "" is the whole bucket.
    :param fields: where the records keep their id; objects in another form than ``raw`` keep it elsewhere.
    :param missing: takes the missing ids, one per line.
    """

    tells_all = True

    def __init__(
        self, client: Any, bucket: str, prefix: str, fields: Fields | None, *, missing: TextIO | None = None
    ) -> None:
        self.where = f"s3://{bucket}/{prefix}".rstrip("/")
        self.missing = missing
        self._store = S3Store(client, bucket, "", name="the destination")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._fields = fields
        self._same: Counter[str] = Counter()

    def gather(self, piles: Piles) -> list[str]:
        """Read every object."""
        faults: list[str] = []
        for key in self._store.keys(self._prefix):
            folder, _, name = key.rpartition("/")
            if not name.endswith((".ndjson.gz", ".parquet")) and not _ARCHIVE.fullmatch(name):
                continue
            try:
                content = fetch(self._store, folder, name)
                piles.add(THERE, self._ids(name, content))
            except FlawError as error:
                faults.append(f"{self.where}: the object {key} {error.flaw.wrong}.")
            except (EOFError, OSError, IsalError, *UNREADABLE, ProtocolError, _DigestError):  # type: ignore[misc]
                faults.append(f"{self.where}: the object {key} is not what was shipped.")
        return faults

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Have nothing to add."""
        return {}

    def _ids(self, name: str, content: bytes) -> Iterable[str]:
        if name.endswith(".parquet"):
            return _ids_of_parquet(content)
        plain: bytes = igzip.decompress(content)  # type: ignore[no-untyped-call]
        match = _HIVE.fullmatch(name)
        if match and not hashlib.sha256(plain).hexdigest().startswith(match[1]):
            raise _DigestError
        fields = _ARCHIVED if _ARCHIVE.fullmatch(name) else self._fields
        if fields is None:
            raise ConfigurationError(
                f"nothing says where the records in {self.where} keep their ids: name the source by --source, or the "
                f"path by --id-at."
            )
        records = [msgspec.Raw(line) for line in plain.split(b"\n") if line]
        events, _ = RecordReader(fields).events(records, utc_now(), name, same=self._same)
        return [event.id for event in events]


class _DigestError(Exception):
    """The content of an object is not the one that it is named by."""


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
