"""Amazon S3, and what speaks its API. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit_provider.core.aws_errors import CLOCK_WORDS, SESSION_WORDS, aws_error_of
from audit_provider.core.destinations.base import Batch, Item, Limits, Outcome, Verdict
from audit_provider.core.destinations.folders import file_limits, put_by_folder
from audit_provider.core.destinations.s3_layouts import LAYOUTS, check_layout
from audit_provider.core.errors import ConfigurationError, CredentialError, StopError, UnavailableError
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import utc_now
from audit_provider.core.validation import MOST_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin

_OCSF_VERSION = "1.1"
_CREDENTIAL = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AccessDenied", "403"})
_CONFIGURATION = {
    "NoSuchBucket": "make the bucket, or set 'bucket' in the pipelines file.",
    "404": "make the bucket, or set 'bucket' in the pipelines file.",
    "InvalidBucketName": "set 'bucket' in the pipelines file.",
    "PermanentRedirect": "set the bucket's region on the connection.",
    "AuthorizationHeaderMalformed": "set the bucket's region on the connection.",
    "IllegalLocationConstraintException": "set the bucket's region on the connection.",
    "InvalidRequest": "check encryption and Object Lock against the bucket's settings.",
    "KMS.NotFoundException": "set 'kms_key_id' to a key of the bucket's region.",
    "KMS.DisabledException": "enable the KMS key.",
    "NotImplemented": "this store knows no conditional writes; it cannot promise that nothing is stored twice.",
}


@dataclass(frozen=True, slots=True)
class S3Options:
    """What the pipelines file may say of an ``s3`` destination.

    :ivar prefix: of every key. :ivar sse: server-side encryption; None takes the bucket's. :ivar kms_key_id: with
        ``aws:kms``; None takes the account's. :ivar object_lock: retention mode; COMPLIANCE can be shortened by nobody.
    :ivar object_lock_days: how long an object is locked from its writing on.
    :ivar layout: ``hive``, gzip NDJSON by source and event day; ``security_lake``, OCSF as Parquet for Amazon Security
        Lake (needs the extra ``parquet``; its ``format`` is ``ocsf``); ``datadog_archive``, from which Datadog
        rehydrates logs that are too old for its intake.
    :ivar batch_bytes: of one object, before compression; a larger event has one to itself.
    :ivar source_name: Security Lake: begins the name of each custom source, ``-`` and the number of its event class
        follow, as in ``slack-3002``; Datadog archive: the logs' ``source``, by default the source's name.
    :ivar source_version: Security Lake: a further part of the key, where the registered location has one.
    :ivar region: Security Lake: of the data lake. :ivar account_id: Security Lake: 12 digits, ``external`` or
        ``external_`` and an id.
    :ivar service: Datadog archive: of the logs, by default the pipeline's name. :ivar hostname: Datadog archive: the
        logs' ``host``. :ivar tags: Datadog archive: ``key:value`` texts.
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
            raise ValueError("'bucket' is the bucket's name alone: a folder in it is the 'prefix'")
        if (self.object_lock is None) != (self.object_lock_days is None):
            raise ValueError("'object_lock' and 'object_lock_days' go together")
        if self.object_lock_days is not None and not 1 <= self.object_lock_days <= MOST_DAYS:
            raise ValueError(f"'object_lock_days' must be 1 to {MOST_DAYS}")
        if self.kms_key_id and not (self.sse or "").startswith("aws:kms"):
            raise ValueError("'kms_key_id' needs 'sse: aws:kms'")
        check_layout(self)

    @property
    def default_format(self) -> str:
        """The format of a destination that names none: the layout's."""
        return "ocsf" if self.layout == "security_lake" else "raw"


class S3Destination:
    """A bucket. Each batch becomes one object per folder of its layout, named by its content.

    :param client: a boto3 S3 client.
    """

    def __init__(
        self,
        options: S3Options,
        origin: Origin,
        client: Any,
        *,
        now: Callable[[], datetime],
        form: Form | None = None,
    ) -> None:
        self._layout = LAYOUTS[options.layout](
            options, origin, form or FORMATS[options.default_format](origin, _OCSF_VERSION)
        )
        self._options = options
        self._origin = origin
        self._client = client
        self._now = now
        self._limits = file_limits(options.batch_bytes)

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the event as its layout has it, one line."""
        return self._layout.encode(event)

    def send(self, batch: Batch) -> Outcome:
        """Put one object per folder; one that fails leaves the others as they are."""
        return put_by_folder(batch, self._layout.folder, self._put)

    def check(self) -> str:
        """Ask for the bucket's head."""
        self._call("head_bucket")
        return f"The bucket {self._options.bucket} can be reached."

    def _put(self, folder: str, items: Sequence[Item]) -> Verdict:
        items = self._layout.arranged(items)
        digest, body = self._layout.packed(items)
        prefix = self._options.prefix.strip("/")
        key = "/".join(filter(None, (prefix, folder, self._layout.name(digest, items))))
        # Never Content-Encoding: a client that decodes by it would hand out plain text under a name ending in .gz.
        answer = self._call(
            "put_object",
            Key=key,
            Body=body,
            IfNoneMatch="*",
            ContentType=self._layout.content_type,
            Metadata={"sha256": digest, "events": str(len(items)), "pipeline": self._origin.pipeline},
            **self._protection(),
        )
        if answer is not None:
            return Verdict.DELIVERED
        # 412: an object of this name is there, perhaps from a try whose answer was lost. Compressed bytes may differ
        # between versions of the compressor, so what counts is the digest of the content.
        there = self._call("head_object", Key=key)
        if (there or {}).get("Metadata", {}).get("sha256") != digest:
            raise StopError(
                f"s3://{self._options.bucket}/{key} exists with other content: move it away; everything is kept."
            )
        return Verdict.ALREADY_THERE

    def _protection(self) -> dict[str, Any]:
        options = self._options
        wanted: dict[str, Any] = {
            "ServerSideEncryption": options.sse,
            "SSEKMSKeyId": options.kms_key_id,
            "BucketKeyEnabled": True if options.sse == "aws:kms" else None,
            "StorageClass": options.storage_class,
            "ObjectLockMode": options.object_lock,
        }
        if options.object_lock_days is not None:
            wanted["ObjectLockRetainUntilDate"] = self._now() + timedelta(days=options.object_lock_days)
            wanted["ChecksumAlgorithm"] = "SHA256"
        return {key: value for key, value in wanted.items() if value is not None}

    def _call(self, method: str, **arguments: Any) -> Any:
        """Call S3; return None for "exists already".

        :raises AuditError: grouped by what to do.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        )

        where = f"s3://{self._options.bucket}"
        try:
            return getattr(self._client, method)(Bucket=self._options.bucket, **arguments)
        except ClientError as error:
            found = aws_error_of(error, utc_now())  # the clock that botocore signs by
            code, status = found.code, found.status
            if code == "PreconditionFailed" or status == 412:
                return None
            if found.is_clock:
                # Shipping sends it again, signed anew.
                raise UnavailableError(
                    f"{where} refuses {method} ({code}): {CLOCK_WORDS}; everything is kept."
                ) from None
            if found.is_session:
                raise CredentialError(
                    f"{where} refuses {method} ({code}): {SESSION_WORDS}; everything is kept."
                ) from None
            if found.is_passing:
                raise UnavailableError(f"{where} answered {status} ({code}) to {method}") from None
            if code in _CREDENTIAL or status in (401, 403):
                raise CredentialError(
                    f"{where} refuses {method} ({code}): check the keys of the aws connection and its right to "
                    f"s3:PutObject and s3:GetObject on the bucket; everything is kept."
                ) from None
            if code in _CONFIGURATION:
                raise ConfigurationError(f"{where} refuses {method} ({code}): {_CONFIGURATION[code]}") from None
            if status:
                raise ConfigurationError(f"{where} refuses {method} ({code}): check bucket and connection.") from None
            raise UnavailableError(f"{where} answered nothing that is understood ({code}) to {method}") from None
        except (NoCredentialsError, PartialCredentialsError):
            raise CredentialError(
                f"{where}: the aws connection holds no credential: fill in its keys or role."
            ) from None
        except ParamValidationError:
            raise ConfigurationError(f"{where} is no name of a bucket: set 'bucket' in the pipelines file.") from None
        except BotoCoreError as error:
            raise UnavailableError(f"{where} gave no answer to {method} ({type(error).__name__})") from None
