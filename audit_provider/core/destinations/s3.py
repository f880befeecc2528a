"""Amazon S3, and stores with its API. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.base import Batch, Item, Limits, Outcome, Verdict
from audit_provider.core.destinations.folders import file_limits, put_by_folder
from audit_provider.core.destinations.s3_layouts import LAYOUTS
from audit_provider.core.destinations.s3_options import S3Options as S3Options
from audit_provider.core.destinations.spec import About, DestinationSpec
from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError, StopError, UnavailableError
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import utc_now
from audit_provider.core.wire.aws import CLOCK_WORDS, SESSION_WORDS, aws_error_of, checksum_of, is_web_page

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
        """Return the event as one line, as its layout defines it."""
        return self._layout.encode(event)

    def send(self, batch: Batch) -> Outcome:
        """Put one object per folder; if one fails, the others stay valid."""
        return put_by_folder(batch, self._layout.folder, self._put)

    def check(self) -> str:
        """Request the bucket's head, and its Object Lock if that is used.

        :raises AuditError: the bucket cannot be reached, or has no Object Lock.
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
        # Never Content-Encoding: a client that decodes by it would return plain text under a name that ends in .gz.
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
            if not answer.get("ETag"):
                self._prove_stored(key, digest, answer)
            if not self._is_proven:
                self._prove_protection(key, answer)
                self._is_proven = True
            return Verdict.DELIVERED
        # 412: an object with this name exists, perhaps from a try whose answer was lost. Compressed bytes may differ
        # between versions of the compressor, so the digest of the content is compared.
        there = self._call("head_object", Key=key)
        if (there or {}).get("Metadata", {}).get("sha256") != digest:
            raise StopError(
                f"s3://{self._options.bucket}/{key} exists with other content: move it away; everything is kept."
            )
        if not self._is_proven:
            self._prove_protection(key, there, was_there=True)
            self._is_proven = True
        return Verdict.ALREADY_THERE

    def _prove_stored(self, key: str, digest: str, answer: Mapping[str, Any]) -> None:
        """Check that an object exists if the answer to its PUT has no ETag, which every store's answer has.

        :raises ConfigurationError: it does not: something in between answered.
        """
        there = self._call("head_object", Key=key) or {}
        if there.get("Metadata", {}).get("sha256") != digest:
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise ConfigurationError(
                f"s3://{self._options.bucket}/{key} was answered with {status} and without an ETag, and the object is "
                "not there, so this is not S3: check the connection's endpoint and proxies in between; all is kept."
            )

    def _prove_protection(self, key: str, seen: Mapping[str, Any], *, was_there: bool = False) -> None:
        """Check that an object is encrypted and locked as requested: some stores ignore what they do not support.

        :param seen: the answer to its PUT, or to its HEAD.
        :param was_there: whether an earlier run has written it, perhaps with other options.
        :raises ConfigurationError: it is not encrypted or locked so.
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
        """Return an object's lock mode if its HEAD shows none, as S3 does without s3:GetObjectRetention."""
        try:
            found = self._call("get_object_retention", Key=key) or {}
        except CredentialError:
            return self._options.object_lock  # a store with this permission supports the lock, and has accepted the PUT
        except (ConfigurationError, UnavailableError):
            # The HEAD was answered just before. A store that does not know this request sends the object itself, and
            # botocore reads its bytes as an outage.
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
        """Return advice for an S3 error code."""
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

        :raises AuditError: of the class that says what to do.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        )
        from botocore.parsers import ResponseParserError

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
            found = aws_error_of(error, utc_now())  # botocore signs by the same clock
            code, status = found.code, found.status
            if code == "PreconditionFailed" or status == 412:
                return None
            if found.is_clock:
                # It is sent again, with a new signature.
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
        except RecursionError:  # botocore requests the bucket's region after each 301, even after a 301 to that request
            raise ConfigurationError(
                f"{where} answers {method} with endless redirects: check the connection's endpoint and proxies in "
                "between."
            ) from None
        except ResponseParserError:
            raise UnavailableError(f"{where} gave an answer to {method} that is not S3's") from None
        except BotoCoreError as error:
            raise UnavailableError(f"{where} gave no answer to {method} ({type(error).__name__})") from None


def _foreign(where: str, method: str, status: int) -> AuditError:
    """Return the error for an answer without S3's error document, which a proxy or load balancer in between sent."""
    said = f"{where}: a proxy in between answered {status} to {method}, because S3's own error document is missing"
    if status == 400:
        # nginx may refuse a PUT before it has read the body, for example by a rate limit, and then reads the body as
        # the next request. It closes the connection after this answer, so the next try uses a new one.
        return UnavailableError(f"{said}.")
    if status in (401, 403):
        return CredentialError(f"{said}: allow this client in the proxy, or check the keys; everything is kept.")
    hint = _FOREIGN.get(status, "check the connection's endpoint and proxies in between.")
    return ConfigurationError(f"{said}: {hint} Everything is kept.")


def _connect(options: S3Options, origin: Origin, client: Any, form: Form | None = None) -> S3Destination:
    return S3Destination(options, origin, client, now=utc_now, form=form)


S3 = DestinationSpec(
    name="s3",
    options=S3Options,
    connect=_connect,
    arguments=("bucket", "prefix"),
    hook="audit_provider.hooks.s3.S3Access",
    place=lambda options: f"{options.bucket}/{options.prefix}".rstrip("/"),
    link_label="S3 prefix",
    about=About(
        title="Amazon S3",
        docs="https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
        create="A bucket, and a key pair or role with `s3:PutObject` and `s3:GetObject` below the prefix; with "
        "`object_lock` also `s3:PutObjectRetention`, and `s3:GetObjectRetention` to check the lock.",
        connection="`aws`, of Airflow's Amazon provider, with all its options: roles, profiles, endpoints.",
        guarantee="Each event is in one object that S3 has confirmed; objects appear complete or not at all. After "
        "the first object, a run checks that the store has applied the requested encryption and Object Lock; "
        "otherwise it stops.",
        duplicates="None. The name of an object is derived from its content, and it is written only if no object has "
        "that name, so a repeat after a crash or a lost answer finds it. A store that ignores `If-None-Match` gets "
        "the same object again with the same name.",
        old_events="Any age. The object is in the partition of the day when its events happened.",
        unseen="Lifecycle rules and deletions in the bucket. `object_lock` prevents deletion even by administrators.",
        losing=(
            (
                "OpenStack Swift 2.38 (s3api)",
                "ignores Object Lock: the run stops after the first object",
                "none: leave out `object_lock`, or use another store",
            ),
            (
                "SeaweedFS 4.48",
                "creates a bucket that does not exist, so a misspelt `bucket` is no error",
                "give the key no permission to create buckets",
            ),
            (
                "SeaweedFS 4.48",
                "answers 500 to `sse` if it has no key for it, so each run is tried again as in an outage",
                "remove `sse`, or give it a key",
            ),
            (
                "nginx in front of S3",
                "refuses bodies over 1 MB (413: the run stops) and requests over `limit_req` (sent again)",
                "`client_max_body_size`, or a lower `batch_bytes`; `limit_req`",
            ),
        ),
        example={"bucket": "my-audit-logs", "prefix": "audit"},
    ),
)
