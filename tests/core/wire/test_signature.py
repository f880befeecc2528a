"""Standard Webhooks signatures, by the specification's own example and by its rules."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.signatures import SignatureAuth, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
MOMENT = datetime.fromtimestamp(1614265330, timezone.utc)


def prepared(secrets, now, body=b'{"test": 2432232314}', name="msg_p5jXN8AQM9LWM0D4loKWxJek"):
    request = requests.Request("POST", "https://siem.example/", data=body, headers={"webhook-id": name} if name else {})
    request.auth = SignatureAuth(secrets, now=now)
    return request.prepare()


def test_the_reference_libraries_example():
    signed = prepared([SECRET], lambda: MOMENT)
    assert signed.headers["webhook-timestamp"] == "1614265330"
    assert signed.headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_zone_is_the_same_moment():
    signed = prepared([SECRET], lambda: MOMENT.astimezone(timezone(timedelta(hours=5))))
    assert signed.headers["webhook-timestamp"] == "1614265330"


def test_each_live_secret_signs():
    both = prepared([OTHER, SECRET], lambda: MOMENT).headers["webhook-signature"].split(" ")
    assert both == [prepared([each], lambda: MOMENT).headers["webhook-signature"] for each in (OTHER, SECRET)]


def test_every_attempt_is_signed_for_its_own_time():
    times = iter([MOMENT, MOMENT + timedelta(minutes=9)])
    first, second = (prepared([SECRET], lambda: next(times)) for _ in range(2))
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 540
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_request_without_an_id_is_left_alone():
    assert not {"webhook-signature", "webhook-timestamp"} & set(prepared([SECRET], lambda: MOMENT, name="").headers)


def test_the_signed_bytes_are_the_sent_bytes():
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = prepared([SECRET], lambda: MOMENT, body=b'{"a": 1.10}', name="m")
    assert signed.headers["webhook-signature"] == signature(key, "m", "1614265330", signed.body)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_that_cannot_be_read_is_refused_and_not_shown(secret):
    with pytest.raises(ConfigurationError) as caught:
        SignatureAuth([secret])
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)


def test_no_secret_is_refused():
    with pytest.raises(ConfigurationError):
        SignatureAuth([])
