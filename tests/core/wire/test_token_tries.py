"""A token that is refused: when another one is tried, and when that would not help."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import requests

from audit_provider.core.wire.auth import Bearer, Token, filler
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.tokens import OLD, SPREAD_SECONDS
from audit_provider.sandbox.server import Reply, Service

BEGIN = datetime(2026, 3, 1, tzinfo=timezone.utc)
PARTS = {"login": "id", "password": "p"}


class Api(Service):
    """Gives tokens, and answers as it is told: ``judge`` is asked with the number of the request and of its token."""

    def __init__(self, judge):
        super().__init__()
        self.judge = judge
        self.given = self.asked = 0

    def answer(self, request):
        if request.path == "/token":
            self.given += 1
            return Reply.json(200, {"access_token": f"t{self.given}", "expires_in": 7200})
        self.asked += 1
        return self.judge(self.asked, int(request.headers["Authorization"].removeprefix("Bearer t")))


class Person:
    """Asks, with a clock of its own that goes on while it sleeps."""

    def __init__(self, service, style=None):
        self.clock, self.slept = BEGIN, []

        def outside(base):
            return HttpClient(requests.Session(), base or service.url, service="Some API", now=self.now, tries=1)

        session = requests.Session()
        session.auth = (style or Token("/token")).bind(filler(PARTS, "the connection 'c'"), outside)
        self.client = HttpClient(session, service.url, service="Some API", now=self.now, sleep=self.sleep, tries=2)

    def now(self):
        return self.clock

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock += timedelta(seconds=seconds)

    def ask(self):
        return self.client.fetch("GET", "/x").status


GOOD = Reply.json(200, {})
FORBIDDEN = Reply.json(403, {"message": "You need the role of an admin."})


@pytest.mark.parametrize(("refusals", "status", "given", "slept"), [(1, 200, 2, 0), (2, 200, 2, 1), (3, 401, 2, 1)])
def test_a_new_token_that_is_refused_is_tried_once_more_a_little_later(refusals, status, given, slept):
    with Api(lambda asked, token: GOOD if asked > refusals else Reply(401)) as service:
        person = Person(service)
        assert person.ask() == status
        assert service.given == given
        assert service.asked == min(refusals + 1, 3)
    assert person.slept == [SPREAD_SECONDS] * slept


@pytest.mark.parametrize(
    "refusal",
    [
        Reply.json(403, {"message": "Token expired"}),
        Reply.json(403, {"error": "INVALID_SESSION_ID"}),
        Reply.json(403, {"error": {"code": "expired_token"}}),
        Reply(403, b"", {"WWW-Authenticate": 'Bearer error="invalid_token"'}),
    ],
)
def test_a_403_that_is_about_the_token_tries_another(refusal):
    with Api(lambda asked, token: GOOD if token > 1 else refusal) as service:
        assert Person(service).ask() == 200
        assert (service.given, service.asked) == (2, 2)


def test_a_403_for_an_old_token_tries_another():
    with Api(lambda asked, token: GOOD if asked == 1 or token > 1 else FORBIDDEN) as service:
        person = Person(service)
        assert person.ask() == 200
        person.clock += OLD
        assert person.ask() == 200
        assert service.given == 2


def test_a_403_for_a_token_that_is_not_old_is_about_rights():
    with Api(lambda asked, token: FORBIDDEN) as service:
        assert Person(service).ask() == 403
        assert (service.given, service.asked) == (1, 1)


def test_a_missing_right_costs_one_token_and_no_more():
    with Api(lambda asked, token: GOOD if asked == 1 else FORBIDDEN) as service:
        person = Person(service)
        assert person.ask() == 200
        for _ in range(3):
            person.clock += OLD
            assert person.ask() == 403
        assert service.given == 2
        assert service.asked == 1 + 2 + 1 + 1
    assert person.slept == []


def test_a_403_that_names_a_wait_is_no_refused_token():
    limited = Reply(403, b"", {"Retry-After": "7"})
    with Api(lambda asked, token: GOOD if asked > 1 else limited) as service:
        person = Person(service)
        assert person.ask() == 200
        assert service.given == 1
    assert 7 <= person.slept[0] <= 7.2


def test_a_key_that_cannot_be_fetched_anew_is_sent_once():
    class Refusing(Service):
        requests = 0

        def answer(self, request):
            self.requests += 1
            return Reply(401)

    with Refusing() as service:
        person = Person(service, Bearer())
        assert person.ask() == 401
        assert (service.requests, person.slept) == (1, [])
