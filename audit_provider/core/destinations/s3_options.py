"""The options of the ``s3`` destination, and the check of their combinations."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from audit_provider.core.text.validation import MOST_DAYS

_KEYS = {
    "source_name": ("security_lake", "datadog_archive"),
    "source_version": ("security_lake",),
    "region": ("security_lake",),
    "account_id": ("security_lake",),
    "service": ("datadog_archive",),
    "hostname": ("datadog_archive",),
    "tags": ("datadog_archive",),
}
_MOST_SOURCE_NAME = 20 - len("-3002")
_MOST_ROW_GROUP = 256_000_000
_CANNOT_REHYDRATE = ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True, slots=True)
class S3Options:
    """Options of an ``s3`` destination in the pipelines file.

    :ivar bucket: Name of the bucket. Example: ``audit-logs``.
    :ivar prefix: Prefix of every object key. Example: ``pylon``.
    :ivar sse: Server-side encryption: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``. Default: the bucket's setting.
    :ivar kms_key_id: Key for ``aws:kms``. Default: the account's key. Example:
        ``arn:aws:kms:eu-central-1:123456789012:key/abc``.
    :ivar object_lock: Object Lock mode: ``GOVERNANCE`` or ``COMPLIANCE``. Nobody can shorten ``COMPLIANCE``. Default:
        no lock.
    :ivar object_lock_days: Days for which an object is locked after it is written; needed with ``object_lock``.
        Example: ``365``.
    :ivar storage_class: Storage class of the objects. Default: S3's own, ``STANDARD``. Example: ``STANDARD_IA``.
    :ivar layout: ``hive``: gzip NDJSON by source and event day. ``security_lake``: OCSF as Parquet for Amazon Security
        Lake (needs the extra ``parquet``; its ``format`` is ``ocsf``). ``datadog_archive``: an archive from which
        Datadog rehydrates logs that are too old for its intake.
    :ivar batch_bytes: Maximum size of one object in bytes, before compression. A larger event gets its own object.
    :ivar source_name: Security Lake: first part of the name of each custom source, followed by ``-`` and the number of
        its event class, as in ``slack-3002``. Datadog archive: the ``source`` of the logs. Default: the source's name.
    :ivar source_version: Security Lake: an additional part of the key, if the registered location has one. Example:
        ``1.0``.
    :ivar region: Security Lake: region of the data lake. Example: ``eu-central-1``.
    :ivar account_id: Security Lake: 12 digits, ``external``, or ``external_`` and an id.
    :ivar service: Datadog archive: the ``service`` of the logs. Default: the pipeline's name.
    :ivar hostname: Datadog archive: the ``host`` of the logs. Example: ``airflow``.
    :ivar tags: Datadog archive: list of ``key:value`` texts. Example: ``[team:security]``.
    """

    default_conn_id: ClassVar[str] = "aws_default"

    bucket: str
    prefix: str = ""
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    object_lock: Literal["GOVERNANCE", "COMPLIANCE"] | None = None
    object_lock_days: int | None = None
    storage_class: str | None = None
    batch_bytes: int = 64 * 1024 * 1024
    layout: Literal["hive", "security_lake", "datadog_archive"] = "hive"
    source_name: str | None = None
    source_version: str | None = None
    region: str | None = None
    account_id: str = "external"
    service: str | None = None
    hostname: str | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if "/" in self.bucket and not self.bucket.startswith("arn:"):
            raise ValueError("'bucket' must be the bucket's name only: put a folder in it into 'prefix'")
        if (self.object_lock is None) != (self.object_lock_days is None):
            raise ValueError("'object_lock' and 'object_lock_days' must be set together")
        if self.object_lock_days is not None and not 1 <= self.object_lock_days <= MOST_DAYS:
            raise ValueError(f"'object_lock_days' must be 1 to {MOST_DAYS}")
        if self.kms_key_id and not (self.sse or "").startswith("aws:kms"):
            raise ValueError("'kms_key_id' needs 'sse: aws:kms'")
        check_layout(self)

    @property
    def default_format(self) -> str:
        """The layout's format, for a destination that names none."""
        return "ocsf" if self.layout == "security_lake" else "raw"


def check_layout(options: S3Options) -> None:
    """Check that the options fit their layout.

    :raises ValueError: they do not.
    """
    layout = options.layout
    for each in fields(options):
        layouts = _KEYS.get(each.name)
        if layouts and layout not in layouts and getattr(options, each.name) != each.default:
            raise ValueError(f"{each.name!r} needs 'layout: {' or '.join(layouts)}'")
    if layout == "datadog_archive" and options.storage_class in _CANNOT_REHYDRATE:
        raise ValueError(f"Datadog cannot rehydrate from 'storage_class: {options.storage_class}'")
    if layout != "security_lake":
        return
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_MOST_SOURCE_NAME}}}", options.source_name or ""):
        raise ValueError(
            f"'source_name' must be 1 to {_MOST_SOURCE_NAME} letters, digits, '_' or '-': the number of the event "
            "class is appended, as in 'slack-3002', and Security Lake allows 20 characters"
        )
    if not re.fullmatch(r"[a-z0-9-]+", options.region or ""):
        raise ValueError("'region' must be the AWS region of the data lake, such as 'eu-central-1'")
    if not re.fullmatch(r"\d{12}|external(_[A-Za-z0-9_-]+)?", options.account_id):
        raise ValueError("'account_id' must be 12 digits, 'external' or 'external_' and an id")
    if options.source_version is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", options.source_version):
        raise ValueError("'source_version' must be a part of a key, such as '1.0'")
    if options.prefix:
        raise ValueError("'prefix' must be empty: Security Lake reads objects below 'ext/' of its bucket")
    if options.batch_bytes > _MOST_ROW_GROUP:
        raise ValueError(f"'batch_bytes' must be at most {_MOST_ROW_GROUP}, the maximum of a row group")
