"""Elastic Common Schema: what of a record stands where, and which categories are claimed."""

from __future__ import annotations

import json

import pytest

from tests.core.formats.events import events_of, origin_of, written
from tests.core.formats.schemas import check_ecs


def ecs(record, **options):
    document = json.loads(written("ecs", record, **options))
    check_ecs(document, "acme")
    return document


def test_the_fields_of_an_event():
    document = ecs(
        {
            "action": "access.grant",
            "actor": {"id": "u1", "email": "zoe@example.com", "name": "Zoë"},
            "ip": "2001:DB8::1",
            "ua": "curl/8",
            "outcome": True,
            "object": {"type": "user", "id": "u2"},
            "role": "admin",
            "org": "o1",
        }
    )
    assert document["@timestamp"] == "2026-03-01T10:02:11.155999Z"
    assert document["user"] == {
        "id": "u1",
        "name": "zoe@example.com",
        "email": "zoe@example.com",
        "full_name": "Zoë",
        "target": {"id": "u2", "roles": ["admin"]},
    }
    assert document["source"] == {"ip": "2001:db8::1", "address": "2001:db8::1"}
    assert document["related"] == {"user": ["u1", "zoe@example.com", "Zoë", "u2"], "ip": ["2001:db8::1"]}
    assert document["event"]["outcome"] == "success"
    assert document["organization"] == {"id": "o1"}
    assert document["event"]["provider"] == "Acme"


@pytest.mark.parametrize(
    ("action", "categories", "types"),
    [
        ("authentication.login", ["authentication"], ["start"]),
        ("authentication.logout", ["authentication"], ["end"]),
        ("authentication.challenge", ["authentication"], ["info"]),
        ("user.create", ["iam"], ["user", "creation"]),
        ("user.invite", ["iam"], ["user", "info"]),
        ("user.lock", ["iam"], ["user", "change"]),
        ("group.add_member", ["iam"], ["group", "change"]),
        ("token.revoke", ["iam"], ["admin", "change"]),
        ("settings.read", ["configuration"], ["access"]),
        ("settings.delete", ["configuration"], ["deletion"]),
        ("data.export", [], []),
        ("something.else", [], []),
    ],
)
def test_categories_and_types(action, categories, types):
    event = ecs({"action": action})["event"]
    assert (event.get("category", []), event.get("type", [])) == (categories, types)
    assert event["action"] == action


def test_a_file_is_a_file():
    event = ecs({"action": "data.export", "object": {"type": "file", "id": "f"}})["event"]
    assert (event["category"], event["type"]) == (["file"], ["access"])


@pytest.mark.parametrize("ip", ["999.1.1.1", "10.0.0.1:443", "unknown", "10.0.0.0/8"])
def test_what_is_no_address_is_kept_out_of_address_fields(ip):
    document = ecs({"ip": ip})
    assert document["source"] == {"address": ip}
    assert "related" not in document


def test_the_zone_of_an_address_is_cut_off():
    assert ecs({"ip": "fe80::1%eth0"})["source"] == {"ip": "fe80::1", "address": "fe80::1"}


def test_an_outcome_that_nobody_tells_is_unknown():
    assert ecs({"action": "user.create"})["event"]["outcome"] == "unknown"
    assert ecs({"action": "failed"})["event"]["outcome"] == "failure"
    assert ecs({"action": "failed", "outcome": "success"})["event"]["outcome"] == "success"


GOLDEN = {
    "slack": ("user_login", ["authentication"], ["start"], "success", "W123AB456"),
    "pigment": ("UserAccountTypeUpdated", ["iam"], ["admin", "change"], "unknown", "ABC999"),
    "workos": ("user.created", ["iam"], ["user", "creation"], "unknown", None),
    "authos": ("service.created", ["configuration"], ["creation"], "success", "user-uuid"),
    "github": ("team.add_member", ["iam"], ["group", "change"], "unknown", "octocat"),
    "okta": ("user.session.start", ["authentication"], ["start"], "success", "00u1qw1mqitPHM8AJ0g7"),
}


@pytest.mark.parametrize("source", GOLDEN)
def test_real_actions(source):
    from audit_provider.core.formats import Ecs

    document = json.loads(Ecs(origin_of(source)).write(events_of(source)[0]))
    event = document["event"]
    actor = document.get("user", {}).get("id")
    assert (event["action"], event["category"], event["type"], event["outcome"], actor) == GOLDEN[source]
