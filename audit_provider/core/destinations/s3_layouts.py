"""Names and content of objects in a bucket: one class per layout of the ``s3`` destination."""

from __future__ import annotations

import base64
import hashlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from audit_provider.core.destinations.datadog import attributes_of
from audit_provider.core.destinations.folders import file_name, packed_lines
from audit_provider.core.destinations.ocsf_parquet import parquet_of, require_pyarrow
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.formats import as_json
from audit_provider.core.model import date_of, exact_text_of, microseconds_of
from audit_provider.core.records.fields import FieldReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.destinations.base import Item
    from audit_provider.core.destinations.s3_options import S3Options
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin

_NAME_DIGITS = 32
_NEWEST_OCSF = (1, 3)


class Layout(Protocol):
    """A layout, made for the events of one origin.

    An object's content is its lines, each with a newline at its end. The object is named by their digest, so they must
    be the same on every try; the compressed body may differ.
    """

    content_type: ClassVar[str]

    def encode(self, event: Event, /) -> bytes:
        """Return the event as one line.

        :raises ValueError: it cannot be written. :raises ConfigurationError: the layout needs another format.
        """

    def folder(self, item: Item) -> str:
        """Return an event's folder, relative to the prefix. Events of one folder share an object."""

    def arranged(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the events of one object in the order of their lines."""

    def name(self, digest: str, items: Sequence[Item]) -> str:
        """Return the object's name in its folder.

        :param digest: SHA-256 of its content, hexadecimal.
        """

    def packed(self, items: Sequence[Item]) -> tuple[str, bytes]:
        """Return the SHA-256 of the lines, hexadecimal, and the object."""


class Hive:
    """Gzip NDJSON in partitions by source and event day: ``source=slack/dt=2026-03-01/<digest>.ndjson.gz``.

    Events with a time before 1970 or after 2099, from a wrong clock, are in the first or the last partition.
    """

    content_type: ClassVar[str] = "application/gzip"

    def __init__(self, options: S3Options, origin: Origin, form: Form) -> None:
        """Accept the options, which this layout does not need."""
        self.encode: Callable[[Event], bytes] = form.write
        self._source = origin.source
        self._last = (0, "")

    def folder(self, item: Item) -> str:
        """See :class:`Layout`."""
        moment = item.event.time
        day, folder = self._last
        if moment.toordinal() != day:
            folder = f"source={self._source}/dt={date_of(moment)}"
            self._last = (moment.toordinal(), folder)  # assigned at once, because several threads may send batches
        return folder

    def arranged(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the events unchanged, in the order of the spool."""
        return items

    def name(self, digest: str, items: Sequence[Item]) -> str:
        """See :func:`~audit_provider.core.destinations.folders.file_name`."""
        return file_name(digest, items)

    def packed(self, items: Sequence[Item]) -> tuple[str, bytes]:
        """Return the lines, compressed."""
        return packed_lines(items)


class SecurityLake:
    """Amazon Security Lake's custom sources: OCSF as Parquet, one source and one object per event class and day.

    ``ext/<source name>-<class>/region=<region>/accountId=<account>/eventDay=YYYYMMDD/<digest>.parquet``. Each source
    must be registered first, and the connection must be allowed to write below it. AWS asks for new objects at least
    once a day and at most every five minutes, so set the pipeline's schedule accordingly.
    https://docs.aws.amazon.com/security-lake/latest/userguide/custom-sources.html

    :raises ConfigurationError: pyarrow is not installed.
    """

    content_type: ClassVar[str] = "application/vnd.apache.parquet"

    def __init__(self, options: S3Options, origin: Origin, form: Form) -> None:
        require_pyarrow()
        self._form = form
        self._source_name = options.source_name
        version = f"/{options.source_version}" if options.source_version else ""
        self._partitions = f"{version}/region={options.region}/accountId={options.account_id}"
        self._class_of = msgspec.json.Decoder(_Classified).decode
        self._decode = msgspec.json.Decoder().decode

    def encode(self, event: Event) -> bytes:
        """Return the event's OCSF document."""
        written = self._form.write(event)
        # The whole document is decoded here, so that one that cannot be decoded does not fail its whole batch later.
        document: Any = self._decode(written) if self._form.is_json else None
        try:
            version = tuple(map(int, document["metadata"]["version"].split(".")[:2]))
            numbers = (document["class_uid"], document["time"])
        except (KeyError, TypeError, AttributeError, ValueError):
            numbers, version = (None, None), ()
        if not all(isinstance(number, int) for number in numbers):
            raise ConfigurationError(
                "an event does not have the format that 'layout: security_lake' needs: set 'format: ocsf'."
            )
        if version > _NEWEST_OCSF:
            raise ConfigurationError(
                "Security Lake supports OCSF up to 1.3: set 'ocsf_version' of the destination to 1.1, 1.2 or 1.3."
            )
        return written

    def folder(self, item: Item) -> str:
        """See :class:`Layout`."""
        class_uid = self._class_of(item.encoded).class_uid
        return f"ext/{self._source_name}-{class_uid}{self._partitions}/eventDay={date_of(item.event.time, '')}"

    def arranged(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the events sorted by time, as Security Lake requires; equal times in the order of the spool."""
        return sorted(items, key=attrgetter("event.time"))

    def name(self, digest: str, items: Sequence[Item]) -> str:
        """Return the first digits of the digest."""
        return f"{digest[:_NAME_DIGITS]}.parquet"

    def packed(self, items: Sequence[Item]) -> tuple[str, bytes]:
        """Return the documents as Parquet."""
        documents = [item.encoded for item in items]
        return hashlib.sha256(b"\n".join([*documents, b""])).hexdigest(), parquet_of(documents)


class DatadogArchive:
    """Datadog's log archive, from which Datadog rehydrates logs that are too old for the intake.

    ``dt=YYYYMMDD/hour=HH/archive_HHmmss.SSSS.<uuid>.json.gz``, by the hour of the events; the bucket must be set up as
    a Log Archive with the same path. https://docs.datadoghq.com/logs/log_configuration/archives/#format-of-the-archives
    """

    content_type: ClassVar[str] = "application/gzip"

    def __init__(self, options: S3Options, origin: Origin, form: Form) -> None:
        self._form = form
        self._pipeline = origin.pipeline
        self._fields = FieldReader(origin.fields, ("action", "actor_id", "actor_email", "ip"))
        self._encode = msgspec.json.Encoder().encode
        self._fixed: dict[str, Any] = {
            "source": options.source_name or origin.source,
            "service": options.service or origin.pipeline,
            "status": "info",
            "tags": [f"pipeline:{origin.pipeline}", f"audit_source:{origin.source}", *options.tags],
        }
        if options.hostname:
            self._fixed["host"] = options.hostname

    def encode(self, event: Event) -> bytes:
        """Return the log: reserved attributes at the root, the others and the formatted event under ``attributes``."""
        attributes = attributes_of(event, self._fields.read(event.raw))
        log = {
            "_id": self._log_id(event),
            "date": exact_text_of(event.time, 3),
            **self._fixed,
            "message": attributes.message,
        }
        attributes.message = ""
        return b'%b,"attributes":%b,"event":%b}}' % (
            self._encode(log)[:-1],
            self._encode(attributes)[:-1],
            as_json(self._form, event),
        )

    def folder(self, item: Item) -> str:
        """See :class:`Layout`."""
        return f"dt={date_of(item.event.time, '')}/hour={item.event.time:%H}"

    def arranged(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the events unchanged, in the order of the spool."""
        return items

    def name(self, digest: str, items: Sequence[Item]) -> str:
        """Return the time of the earliest event and the digest as a UUID."""
        first = min(item.event.time for item in items)
        unique = UUID(digest[:32], version=5)
        return f"archive_{first:%H%M%S}.{first.microsecond // 100:04d}.{unique}.json.gz"

    def packed(self, items: Sequence[Item]) -> tuple[str, bytes]:
        """Return the logs, compressed."""
        return packed_lines(items)

    def _log_id(self, event: Event) -> str:
        """Return an id in the form of Datadog's own shipper: 18 bytes, the first six of which are milliseconds."""
        moment = max(microseconds_of(event.time) // 1000, 0).to_bytes(6, "big")
        unique = hashlib.sha256(f"{self._pipeline}\0{event.id}".encode()).digest()[:12]
        return base64.b64encode(moment + unique).decode()


class _Classified(msgspec.Struct):
    class_uid: int


LAYOUTS: dict[str, Callable[[S3Options, Origin, Form], Layout]] = {
    "hive": Hive,
    "security_lake": SecurityLake,
    "datadog_archive": DatadogArchive,
}
"""The class of each layout, by the name used in the pipelines file."""
