"""Amazon S3, and what speaks its API. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit_provider.core.aws_errors import CLOCK_WORDS, SESSION_WORDS, aws_error_of, is_web_page
from audit_provider.core.destinations.base import Batch, Item, Limits, Outcome, Verdict
from audit_provider.core.destinations.folders import file_limits, put_by_folder
from audit_provider.core.destinations.s3_layouts import LAYOUTS, check_layout
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, StopError, UnavailableError
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import utc_now
from audit_provider.core.s3_checksum import checksum_of
from audit_provider.core.validation import MOST_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin

_OCSF_VERSION = "1.1"
_CREDENTIAL = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AccessDenied", "403"})
_CONFIGURATION = {
    "NoSuchBucket": "create the bucket, or set 'bucket' in the pipelines file.",
    "404": "create the bucket, or set 'bucket' in the pipelines file.",
    "InvalidBucketName": "set 'bucket' in the pipelines file.",
    "PermanentRedirect": "set the bucket's region on the connection.",
    "AuthorizationHeaderMalformed": "set the bucket's region on the connection.",
    "IllegalLocationConstraintException": "set the bucket's region on the connection.",
    "KMS.NotFoundException": "set 'kms_key_id' to a key of the bucket's region.",
    "KMS.DisabledException": "enable the KMS key.",
}
_NO_LOCK = "Create a bucket with Object Lock, or leave out 'object_lock'."
_CONDITIONAL = (
    "this store does not support conditional writes, so it cannot guarantee that nothing is stored twice: "
    "use another store."
)
_FOREIGN = {
    407: "set its credential in the proxy of the aws connection.",
    413: "lower 'batch_bytes', or raise its limit (nginx: client_max_body_size).",
}


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
        self._is_proven = False
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
        """Request the bucket's head, and its Object Lock if that is used.

        :raises AuditError: it cannot be reached, or has no Object Lock.
        """
        self._call("head_bucket")
        said = f"The bucket {self._options.bucket} can be reached."
        if self._options.object_lock is None:
            return said
        try:
            found = self._call("get_object_lock_configuration")
        except CredentialError:
            return f"{said} Its Object Lock was not checked, because that needs s3:GetBucketObjectLockConfiguration."
        except ConfigurationError as error:
            raise ConfigurationError(f"{error} {_NO_LOCK}") from None
        if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise ConfigurationError(f"s3://{self._options.bucket} has no Object Lock. {_NO_LOCK}")
        return f"{said} It has Object Lock."

    def _put(self, folder: str, items: Sequence[Item]) -> Verdict:
        items = self._layout.arranged(items)
        digest, body = self._layout.packed(items)
        prefix = self._options.prefix.strip("/")
        key = "/".join(filter(None, (prefix, folder, self._layout.name(digest, items))))
        # Never Content-Encoding: a client that decodes by it would hand out plain text under a name ending in .gz.
        wanted = {
            "Key": key,
            "Body": body,
            **checksum_of(body),
            "IfNoneMatch": "*",
            "ContentType": self._layout.content_type,
            "Metadata": {"sha256": digest, "events": str(len(items)), "pipeline": self._origin.pipeline},
            **self._protection(),
        }
        answer = self._call("put_object", **wanted)
        if answer is not None:
            if not self._is_proven:
                self._prove_protection(key, answer)
                self._is_proven = True
            return Verdict.DELIVERED
        # 412: an object of this name is there, perhaps from a try whose answer was lost. Compressed bytes may differ
        # between versions of the compressor, so what counts is the digest of the content.
        there = self._call("head_object", Key=key)
        if (there or {}).get("Metadata", {}).get("sha256") != digest:
            raise StopError(
                f"s3://{self._options.bucket}/{key} exists with other content: move it away; everything is kept."
            )
        if not self._is_proven:
            self._prove_protection(key, there, was_there=True)
            self._is_proven = True
        return Verdict.ALREADY_THERE

    def _prove_protection(self, key: str, seen: Mapping[str, Any], *, was_there: bool = False) -> None:
        """Check that an object is encrypted and locked as requested: some stores ignore what they do not support.

        :param seen: the answer to its PUT, or to its HEAD.
        :param was_there: an earlier run has written it, perhaps with other options.
        :raises ConfigurationError: it is not.
        """
        options = self._options
        if options.sse is None and options.object_lock is None:
            return
        if not was_there and (options.object_lock or "ServerSideEncryption" not in seen):
            seen = {**(self._call("head_object", Key=key) or {}), **seen}
        where = f"s3://{options.bucket}/{key}"
        encryption, mode = seen.get("ServerSideEncryption"), seen.get("ObjectLockMode")
        if options.sse and (encryption is None or not (was_there or encryption == options.sse)):
            raise ConfigurationError(
                f"{where} has the encryption {encryption or 'none'} although {options.sse} was requested: use a store "
                "that supports it, or leave out 'sse', and move the object away; everything is kept."
            )
        if options.object_lock and mode is None:
            mode = self._retention(key)
        if options.object_lock and (mode is None or not (was_there or mode == options.object_lock)):
            raise ConfigurationError(
                f"{where} has the Object Lock {mode or 'none'} although {options.object_lock} was requested: use a "
                "store that supports it, or leave out 'object_lock', and move the object away; everything is kept."
            )

    def _retention(self, key: str) -> str | None:
        """Return an object's lock where its HEAD shows none, as S3 does to those without s3:GetObjectRetention."""
        try:
            found = self._call("get_object_retention", Key=key) or {}
        except CredentialError:
            return self._options.object_lock  # a store that has a right of that name knows the lock, and took the PUT
        except (ConfigurationError, UnavailableError):
            # Its HEAD was answered a moment ago. A store that does not know the question sends the object, whose bytes
            # botocore reads as an outage.
            return None
        mode: str | None = found.get("Retention", {}).get("Mode")
        return mode

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
        return {key: value for key, value in wanted.items() if value is not None}

    def _hint(self, code: str) -> str:
        """Return what to do about an error code of S3's."""
        asked = [name for name in ("sse", "object_lock", "storage_class") if getattr(self._options, name)]
        if code == "NotImplemented" and not asked:
            return _CONDITIONAL
        if code in ("NotImplemented", "InvalidRequest") and asked:
            named = " and ".join(map(repr, asked))
            return f"check {named} in the pipelines file, the bucket's settings, and what the store supports."
        if code == "InvalidRequest":
            return "check 'prefix' in the pipelines file and the bucket's settings."
        return _CONFIGURATION.get(code, "check bucket and connection.")

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
            answer = getattr(self._client, method)(Bucket=self._options.bucket, **arguments)
            if is_web_page(answer):
                raise ConfigurationError(
                    f"{where} answered {method} with a web page, so this is not S3: check the connection's endpoint, "
                    "and whether a proxy or a login page is in between; everything is kept."
                )
            return answer
        except ClientError as error:
            found = aws_error_of(error, utc_now())  # the clock that botocore signs by
            code, status = found.code, found.status
            if code == "PreconditionFailed" or status == 412:
                return None
            if found.is_clock:
                # Shipping sends it again, signed anew.
                raise UnavailableError(
                    f"{where} refuses {method} ({found.said}): {CLOCK_WORDS}; everything is kept."
                ) from None
            if found.is_session:
                raise CredentialError(
                    f"{where} refuses {method} ({found.said}): {SESSION_WORDS}; everything is kept."
                ) from None
            if found.is_passing:
                raise UnavailableError(f"{where} answered {status} ({found.said}) to {method}") from None
            if found.is_foreign and not method.startswith("head_"):
                raise _foreign(where, method, status) from None
            if code in _CREDENTIAL or status in (401, 403):
                raise CredentialError(
                    f"{where} refuses {method} ({found.said}): check the keys of the aws connection and its "
                    "permissions s3:PutObject and s3:GetObject on the bucket; everything is kept."
                ) from None
            if status:
                raise ConfigurationError(f"{where} refuses {method} ({found.said}): {self._hint(code)}") from None
            raise UnavailableError(
                f"{where} gave an answer to {method} that is not understood ({found.said})"
            ) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise CredentialError(f"{where}: the aws connection has no credential: fill in its keys or role.") from None
        except ParamValidationError:
            raise ConfigurationError(f"{where} is not a bucket name: set 'bucket' in the pipelines file.") from None
        except RecursionError:  # botocore asks for the bucket's region after each 301, also after one to that question
            raise ConfigurationError(
                f"{where} answers {method} with endless redirects: check the connection's endpoint and proxies in "
                "between."
            ) from None
        except BotoCoreError as error:
            raise UnavailableError(f"{where} gave no answer to {method} ({type(error).__name__})") from None


def _foreign(where: str, method: str, status: int) -> AuditError:
    """Return the error for an answer without an error document of S3's, which a proxy or balancer in between gave."""
    said = f"{where}: a proxy in between answered {status} to {method}, because S3's own error document is missing"
    if status == 400:
        # nginx refuses a PUT before its body, as by a limit of rate, and reads that as the next request. The connection
        # ends with this answer, so the next try has another.
        return UnavailableError(f"{said}.")
    if status in (401, 403):
        return CredentialError(f"{said}: allow this client in the proxy, or check the keys; everything is kept.")
    hint = _FOREIGN.get(status, "check the connection's endpoint and proxies in between.")
    return ConfigurationError(f"{said}: {hint} Everything is kept.")
