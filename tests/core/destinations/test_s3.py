"""S3: content-named objects through real boto3 against moto's server, odd answers by a small server."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest
from botocore.exceptions import ClientError
from isal import igzip

from audit_provider.core.destinations.base import Batch, Item, Verdict
from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.errors import ConfigurationError, CredentialError, StopError, UnavailableError
from audit_provider.core.model import Event
from tests.core.destinations.conftest import s3_client
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, event, objects

DAY = timedelta(days=1)


def s3(bucket, **options):
    client, name = bucket
    return S3Destination(S3Options(bucket=name, **options), ORIGIN, client, now=lambda: NOW)


def lines(bucket):
    """Return every stored record's id, by day."""
    stored = {}
    for key, answer in objects(bucket).items():
        day = key.split("dt=")[1][:10]
        text = igzip.decompress(answer["Body"].read()).decode()
        assert text.endswith("\n")
        stored.setdefault(day, []).extend(json.loads(line)["id"] for line in text.splitlines())
    return stored


MIXED = [[event("a"), event("b", time=NOW - DAY), event("c"), event("d", time=NOW - DAY)], [event("e")]]


def test_one_object_per_event_day_and_batch_named_by_content(bucket):
    desk = Desk()
    desk.ship(s3(bucket, prefix="/siem/x/"), MIXED)
    assert {day: sorted(names) for day, names in lines(bucket).items()} == {
        "2026-02-28": ["b", "d"],
        "2026-03-01": ["a", "c", "e"],
    }
    for key, answer in objects(bucket).items():
        plain = igzip.decompress(answer["Body"].read())
        digest = hashlib.sha256(plain).hexdigest()
        assert key.startswith("siem/x/source=slack/dt=2026-0")
        assert key.endswith(f"/{digest[:32]}.ndjson.gz")
        assert answer["Metadata"] == {
            "sha256": digest,
            "events": str(plain.count(b"\n")),
            "pipeline": "payroll",
        }
        # A client that decodes by Content-Encoding would save plain text under a name ending in .gz.
        assert answer["ContentType"] == "application/gzip"
        assert answer["ResponseMetadata"]["HTTPHeaders"].get("content-encoding") in (None, "", "aws-chunked")


def test_the_folder_of_a_year_before_1000_has_four_digits(bucket):
    Desk().ship(s3(bucket), [[event("a", time=NOW.replace(year=1, month=1))]])
    assert lines(bucket) == {"0001-01-01": ["a"]}


def test_without_a_prefix_keys_begin_with_the_partition(bucket):
    Desk().ship(s3(bucket), MIXED)
    assert all(key.startswith("source=slack/dt=") for key in objects(bucket))


def test_records_are_stored_byte_for_byte(bucket):
    raw = b'{"z":1,  "a":1.10, "u":"\\u00e9"}'
    Desk().ship(s3(bucket), [[Event("1", NOW, msgspec.Raw(raw))]])
    (answer,) = objects(bucket).values()
    assert igzip.decompress(answer["Body"].read()) == raw + b"\n"


def test_shipping_again_stores_nothing_twice(bucket):
    Desk().ship(s3(bucket), MIXED)
    before = set(objects(bucket))
    desk = Desk()
    desk.ship(s3(bucket), MIXED)
    assert set(objects(bucket)) == before
    assert (desk.offset.counts.delivered, desk.offset.counts.already_there) == (0, 5)


def test_a_day_that_fails_costs_no_event_and_stores_none_twice(bucket):
    class Flaky:
        """The bucket, except that one day's partition is throttled."""

        def __init__(self, client):
            self._client = client

        def put_object(self, **arguments):
            if "dt=2026-02-28" in arguments["Key"]:
                answer = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
                raise ClientError(answer, "PutObject")
            return self._client.put_object(**arguments)

        def __getattr__(self, name):
            return getattr(self._client, name)

    client, name = bucket
    desk = Desk()
    with pytest.raises(UnavailableError):
        desk.ship(s3((Flaky(client), name)), MIXED, tries=2)
    desk.ship(s3(bucket), MIXED)
    stored = [each for names in lines(bucket).values() for each in names]
    assert sorted(stored) == list("abcde")
    assert desk.offset.counts.finished == 5


def test_an_object_of_the_same_name_with_other_content_is_a_conflict(bucket):
    client, name = bucket
    destination = s3(bucket)
    Desk().ship(destination, [[event("a")]])
    (key,) = objects(bucket)
    client.put_object(Bucket=name, Key=key, Body=b"other", Metadata={"sha256": "0" * 64})
    desk = Desk()
    with pytest.raises(StopError, match=key.rpartition("/")[2]):
        desk.ship(destination, [[event("a")]])
    assert desk.commits == []


def test_object_lock_keeps_each_object_until_its_day(bucket):
    client, name = bucket
    Desk().ship(s3(bucket, object_lock="GOVERNANCE", object_lock_days=30), [[event("a")]])
    (key,) = objects(bucket)
    head = client.head_object(Bucket=name, Key=key)
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert head["ObjectLockRetainUntilDate"] == NOW + 30 * DAY


def test_encryption_and_storage_class_are_asked_for(bucket):
    client, name = bucket
    Desk().ship(s3(bucket, sse="aws:kms", kms_key_id="alias/audit", storage_class="STANDARD_IA"), [[event("a")]])
    (key,) = objects(bucket)
    head = client.head_object(Bucket=name, Key=key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/audit")
    assert head["StorageClass"] == "STANDARD_IA"


@pytest.mark.parametrize(
    "options",
    [{"object_lock": "COMPLIANCE"}, {"object_lock_days": 3}, {"kms_key_id": "k"}, {"kms_key_id": "k", "sse": "AES256"}],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValueError):
        S3Options(bucket="b", **options)


def refusing(serve, status, code, message="no"):
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    server = serve(lambda request: (status, {"Content-Type": "application/xml"}, body))
    return S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchBucket", ConfigurationError),
        (403, "AccessDenied", CredentialError),
        (403, "InvalidAccessKeyId", CredentialError),
        (403, "SignatureDoesNotMatch", CredentialError),
        (400, "ExpiredToken", CredentialError),
        (400, "TokenRefreshRequired", CredentialError),
        (501, "NotImplemented", ConfigurationError),
        (400, "InvalidRequest", ConfigurationError),
    ],
)
def test_a_refused_sender_keeps_everything(serve, status, code, error):
    desk = Desk()
    with pytest.raises(error):
        desk.ship(refusing(serve, status, code), [[event("a")]])
    assert desk.commits == []
    assert desk.letters == {}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (500, "InternalError"),
        (409, "ConditionalRequestConflict"),
        (400, "RequestTimeout"),
        (400, "BadDigest"),
        (400, "IncompleteBody"),
        (403, "RequestTimeTooSkewed"),
        (503, "SlowDownRead"),
        (503, "ServiceUnavailable"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (409, "OperationAborted"),
        (507, "XMinioStorageFull"),
        (522, ""),
    ],
)
def test_later_means_later(serve, status, code):
    destination = refusing(serve, status, code)
    outcome = destination.send(Batch((Item(event("a"), b"{}", 1, 0),)))
    assert outcome.verdicts == (Verdict.RETRY,)


def test_a_wrong_clock_is_named_after_some_tries_and_nobody_is_sent_to_the_keys(serve):
    desk = Desk()
    with pytest.raises(UnavailableError, match="the clock of this machine is wrong by more than 15 minutes") as raised:
        desk.ship(refusing(serve, 403, "RequestTimeTooSkewed"), [[event("a")]])
    assert "keys" not in str(raised.value)
    assert len(desk.sleeps) > 1
    assert (desk.commits, desk.letters) == ([], {})


def test_an_upload_that_took_too_long_once_is_sent_again(serve):
    skewed = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>"
    answers = [(403, {"Content-Type": "application/xml"}, skewed)]
    answers = [(412, {}, b""), (200, {"ETag": '"x"'}, b""), *answers]
    server = serve(lambda request: answers.pop())
    desk = Desk()
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    desk.ship(destination, [[event("a")]])
    assert desk.offset.counts.delivered == 1


def test_a_session_that_has_ended_is_named_as_that(serve):
    with pytest.raises(CredentialError, match="put a new session token into it"):
        Desk().ship(refusing(serve, 400, "ExpiredToken"), [[event("a")]])


def test_no_answer_is_a_retry():
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client("http://127.0.0.1:9"), now=lambda: NOW)
    assert destination.send(Batch((Item(event("a"), b"{}", 1, 0),))).verdicts == (Verdict.RETRY,)


def test_a_name_that_no_bucket_can_have_is_a_configuration_error(moto_url):
    destination = S3Destination(S3Options(bucket="not a bucket"), ORIGIN, s3_client(moto_url), now=lambda: NOW)
    with pytest.raises(ConfigurationError):
        destination.send(Batch((Item(event("a"), b"{}", 1, 0),)))


def test_check_names_what_is_wrong(bucket, serve):
    assert bucket[1] in s3(bucket).check()
    with pytest.raises(ConfigurationError):
        s3((bucket[0], "there-is-no-such-bucket")).check()
    with pytest.raises(CredentialError):
        refusing(serve, 403, "AccessDenied").check()


class Ignoring:
    """A store that ignores what it does not know, as some do that speak S3's API. ``without``: arguments of a PUT."""

    def __init__(self, client, *without):
        self._client = client
        self._without = without

    def put_object(self, **arguments):
        return self._client.put_object(**{key: value for key, value in arguments.items() if key not in self._without})

    def __getattr__(self, name):
        return getattr(self._client, name)


LOCK = {"object_lock": "GOVERNANCE", "object_lock_days": 1}


@pytest.mark.parametrize(
    ("without", "options", "said"),
    [
        (("ObjectLockMode", "ObjectLockRetainUntilDate"), LOCK, "Object Lock none although GOVERNANCE was requested"),
        (("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"), {"sse": "aws:kms"}, "although aws:kms was"),
    ],
)
def test_a_store_that_ignores_what_was_asked_for_stops_the_run_and_the_next_one_too(bucket, without, options, said):
    client, name = bucket
    for _ in range(2):
        desk = Desk()
        with pytest.raises(ConfigurationError, match=said):
            desk.ship(s3((Ignoring(client, *without), name), **options), MIXED)
        assert (desk.commits, desk.letters) == ([], {})
    assert len(objects(bucket)) == 1


def test_a_store_that_ignores_if_none_match_has_each_event_once_for_objects_are_named_by_their_content(bucket):
    client, name = bucket
    for _ in range(2):
        desk = Desk()
        desk.ship(s3((Ignoring(client, "IfNoneMatch"), name)), MIXED)
        assert desk.offset.counts.delivered == 5
    assert sorted(each for names in lines(bucket).values() for each in names) == list("abcde")


def test_a_lock_that_may_not_be_read_is_taken_for_one(bucket):
    """S3 shows a lock in the answer to a HEAD only to those who may read it."""

    class Hiding(Ignoring):
        def head_object(self, **arguments):
            answer = self._client.head_object(**arguments)
            return {key: value for key, value in answer.items() if not key.startswith("ObjectLock")}

        def get_object_retention(self, **arguments):
            raise ClientError(
                {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObjectRetention"
            )

    client, name = bucket
    desk = Desk()
    desk.ship(s3((Hiding(client), name), **LOCK), MIXED)
    assert desk.offset.counts.delivered == 5


def test_check_finds_a_bucket_that_cannot_keep_what_it_is_asked_to(bucket):
    with pytest.raises(ConfigurationError, match="Create a bucket with Object Lock, or leave out 'object_lock'"):
        s3(bucket, **LOCK).check()


def test_check_finds_the_lock_of_the_bucket(bucket):
    assert s3(bucket, **LOCK).check().endswith("It has Object Lock.")


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        ("NotImplemented", {}, "not support conditional writes"),
        ("NotImplemented", {"sse": "AES256"}, "check 'sse' in the pipelines file"),
        ("NotImplemented", {**LOCK, "storage_class": "GLACIER"}, "check 'object_lock' and 'storage_class'"),
        ("InvalidRequest", LOCK, "check 'object_lock'"),
        ("InvalidRequest", {"prefix": "a/../b"}, "check 'prefix'"),
    ],
)
def test_a_refusal_is_explained_by_what_was_asked_for_and_in_the_stores_own_words(serve, code, options, said):
    body = f"<Error><Code>{code}</Code><Message>Not supported here.</Message></Error>".encode()
    server = serve(
        lambda request: (501 if code == "NotImplemented" else 400, {"Content-Type": "application/xml"}, body)
    )
    destination = S3Destination(S3Options(bucket="b", **options), ORIGIN, s3_client(server.url), now=lambda: NOW)
    with pytest.raises(ConfigurationError, match=f"{code}: Not supported here.*{said}") as raised:
        Desk().ship(destination, [[event("a")]])
    assert ("conditional" in str(raised.value)) == (said == "not support conditional writes")


PAGE = b"<html>\r\n<head><title>No</title></head>\r\n<body><hr><center>nginx/1.22.1</center></body>\r\n</html>"


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (301, ConfigurationError, "endless redirects: check the connection's endpoint"),
        (304, ConfigurationError, "check the connection's endpoint"),
        (403, CredentialError, "allow this client in the proxy"),
        (404, ConfigurationError, "check the connection's endpoint"),
        (405, ConfigurationError, "check the connection's endpoint"),
        (407, ConfigurationError, "the proxy of the aws connection"),
        (413, ConfigurationError, "lower 'batch_bytes'"),
        (400, UnavailableError, "accepted nothing"),
        (502, UnavailableError, "accepted nothing"),
    ],
)
def test_an_answer_without_s3s_own_error_document_is_the_middlemans(serve, status, error, said):
    server = serve(lambda request: (status, {"Content-Type": "text/html"}, PAGE))
    desk = Desk()
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    with pytest.raises(error, match=said) as raised:
        desk.ship(destination, [[event("a")]])
    assert "prox" in str(raised.value) or status == 502
    assert (desk.commits, desk.letters) == ([], {})


def test_a_put_that_nginx_refused_before_its_body_is_sent_again():
    """nginx answers 503 by a limit of rate, keeps the connection, and takes the next request for the body's rest."""
    answers = iter((b"503 Service Unavailable", None, b"200 OK", b"412 Precondition Failed"))
    served = []

    def serve(connected):
        with connected, connected.makefile("rb") as reader:
            while line := reader.readline():
                answer = next(answers)
                served.append((line.split()[0], answer))
                if answer is None:  # what was read is part of a body
                    connected.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                headers = dict(each.lower().split(b": ", 1) for each in iter(lambda: reader.readline().strip(), b""))
                if not answer.startswith(b"503"):
                    if headers.get(b"expect"):
                        connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    reader.read(int(headers[b"content-length"]))
                connected.sendall(b'HTTP/1.1 %b\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n' % answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        desk = Desk()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        desk.ship(S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(url), now=lambda: NOW), [[event("a")]])
        listener.shutdown(socket.SHUT_RDWR)
    assert [answer for _, answer in served][1] is None
    assert desk.offset.counts.delivered == 1


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_no_store_gave_counts_nothing(serve, status):
    def answer(request):
        return (404 if request.method == "HEAD" else status, {"Content-Type": "text/plain"}, b"")

    desk, server = Desk(), serve(answer)
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    with pytest.raises(ConfigurationError):
        desk.ship(destination, [[event("a")]])
    assert (desk.commits, desk.letters) == ([], {})


def test_a_store_that_names_no_tag_is_asked_for_the_object(serve):
    kept = {}

    def answer(request):
        if request.method == "PUT":
            kept.update({key: value for key, value in request.headers.items() if key.startswith("x-amz-meta-")})
            return 200, {}, b""
        return 200, kept, b""

    desk, server = Desk(), serve(answer)
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    desk.ship(destination, [[event("a")]])
    assert desk.offset.counts.delivered == 1


def test_an_answer_that_cannot_be_read_as_s3s_is_tried_again(serve):
    desk, server = Desk(), serve(lambda request: (202, {"Content-Type": "application/json"}, b"{}"))
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    with pytest.raises(UnavailableError, match="not S3's"):
        desk.ship(destination, [[event("a")]])
    assert desk.commits == []


LOGIN = b"<html><head><title>Sign in</title></head><body><form></form></body></html>"


@pytest.mark.parametrize(("page", "error"), [(LOGIN, ConfigurationError), (PAGE, UnavailableError)])
def test_a_login_page_is_no_s3(serve, page, error):
    server = serve(lambda request: (200, {"Content-Type": "text/html; charset=utf-8"}, page))
    desk = Desk()
    destination = S3Destination(S3Options(bucket="b"), ORIGIN, s3_client(server.url), now=lambda: NOW)
    with pytest.raises(error, match="with a web page"):
        desk.ship(destination, [[event("a")]])
    assert desk.commits == []
    with pytest.raises(ConfigurationError, match="with a web page, so this is not S3"):
        destination.check()
