"""OCSF: the class of each meaning, what is required of it, and the way out where the record does not say."""

from __future__ import annotations

import json

import pytest

from audit_provider.core.formats import Ocsf
from tests.core.formats.events import ORIGIN, event_of, events_of, origin_of, written
from tests.core.formats.schemas import check_ocsf

ACTOR = {"id": "u1", "email": "zoe@example.com", "name": "Zoë"}
USER = {"uid": "u1", "name": "zoe@example.com", "email_addr": "zoe@example.com", "full_name": "Zoë"}


def ocsf(record, version="1.1", **options):
    document = json.loads(written("ocsf", record, version=version, **options))
    check_ocsf(document, version)
    return document


@pytest.mark.parametrize(
    ("record", "type_uid"),
    [
        ({"action": "authentication.login", "actor": ACTOR}, 300201),
        ({"action": "authentication.logout", "actor": ACTOR}, 300202),
        ({"action": "authentication.challenge", "actor": ACTOR}, 300299),
        ({"action": "authentication.login", "target": {"email": "zoe@example.com"}}, 300201),
        ({"action": "user.create", "object": {"id": "u2"}}, 300101),
        ({"action": "user.password_change", "target": {"id": "u2"}}, 300103),
        ({"action": "user.mfa_enable", "target": {"email": "jo@example.com"}}, 300110),
        ({"action": "user.unlock", "object": {"id": "u2"}}, 300199),
        ({"action": "access.grant", "target": {"id": "u2"}, "role": "admin"}, 300501),
        ({"action": "access.update", "target": {"id": "u2"}, "role": "admin"}, 300599),
        ({"action": "access.revoke", "group": "g", "role": "admin"}, 300602),
        ({"action": "group.add_member", "object": {"type": "team", "id": "g"}, "target": {"id": "u2"}}, 300603),
        ({"action": "group.create", "object": {"id": "g"}, "role": "owner"}, 300606),
    ],
)
def test_the_class_of_what_an_action_means(record, type_uid):
    assert ocsf(record)["type_uid"] == type_uid


@pytest.mark.parametrize(
    ("record", "type_uid", "missing"),
    [
        ({"action": "authentication.login"}, 300499, "somebody who signs in"),
        ({"action": "user.create", "actor": ACTOR, "ip": "203.0.113.7"}, 600301, "the user"),
        ({"action": "access.grant", "target": {"id": "u2"}}, 300499, "a privilege"),
        ({"action": "group.delete", "object": {"id": "g"}}, 300404, "a member or a privilege"),
        ({"action": "group.create", "actor": ACTOR, "ip": "somewhere"}, 600301, "the group"),
        ({"action": "user.delete"}, 300499, "anything: the product itself was not deleted"),
    ],
)
def test_a_class_that_the_record_cannot_fill_is_not_claimed(record, type_uid, missing):
    assert ocsf(record)["type_uid"] == type_uid, missing


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3"])
def test_an_action_that_no_table_knows_keeps_its_name(version):
    known_place = ocsf({"action": "thing.twiddled", "actor": ACTOR, "ip": "203.0.113.7"}, version)
    assert (known_place["class_uid"], known_place["activity_id"]) == (6003, 99)
    assert known_place["api"] == {"operation": "thing.twiddled"}
    assert known_place["src_endpoint"] == {"ip": "203.0.113.7"}
    nowhere = ocsf({"action": "thing.twiddled", "object": {"id": "t1", "type": "thing"}}, version)
    assert (nowhere["class_uid"], nowhere["activity_id"]) == (3004, 99)
    assert nowhere["entity"] == {"uid": "t1", "type": "thing"}
    for document in (known_place, nowhere):
        assert document["activity_name"] == document["metadata"]["event_code"] == "thing.twiddled"


def test_an_empty_record_says_nothing_of_itself():
    document = ocsf({})
    assert document["entity"] == {"name": "Acme"}
    assert (document["activity_id"], document["status_id"], document["severity_id"]) == (0, 0, 0)
    assert "actor" not in document
    assert "unmapped" not in document


def test_an_address_has_a_place_in_management_classes_from_1_2_on():
    record = {"action": "settings.update", "ip": "203.0.113.7", "ua": "curl/8", "object": {"id": "s"}}
    old, new = ocsf(record, "1.1"), ocsf(record, "1.2")
    assert old["unmapped"] == {"src_endpoint": "203.0.113.7", "user_agent": "curl/8"}
    assert new["src_endpoint"] == {"ip": "203.0.113.7"}
    assert new["http_request"] == {"user_agent": "curl/8"}
    assert "unmapped" not in new


def test_time_and_record_are_kept_as_they_were():
    raw = b'{"time":"2026-03-01T10:02:11.155999999Z","action":"user.create"}'
    document = json.loads(Ocsf(ORIGIN).write(event_of(raw)))
    assert document["time"] == 1772359331155
    assert document["metadata"]["original_time"] == "2026-03-01T10:02:11.155999999Z"
    assert document["raw_data"] == raw.decode()


def test_an_event_before_1970_is_rounded_down_like_any_other():
    from datetime import timedelta

    from tests.core.formats.events import NOW

    event = event_of({}, time=NOW.replace(year=1969, microsecond=0) - timedelta(microseconds=1))
    document = json.loads(Ocsf(ORIGIN).write(event))
    assert document["time"] % 1000 == 999


def test_an_address_that_the_schema_refuses_is_a_name_and_no_email():
    document = ocsf({"action": "authentication.login", "actor": {"email": "zoë@example.com"}})
    assert document["user"] == {"name": "zoë@example.com"}


def test_what_has_no_place_is_unmapped():
    document = ocsf(
        {"action": "data.export", "actor": ACTOR, "ip": "203.0.113.7", "role": "r", "group": "g", "org": "o"}
    )
    assert document["type_uid"] == 600302
    assert document["unmapped"] == {"role": "r", "target_group": "g"}
    assert document["metadata"]["tenant_uid"] == "o"


def test_a_version_that_is_not_written():
    with pytest.raises(KeyError):
        Ocsf(ORIGIN, "2.0")


GOLDEN = {
    "slack": [(300201, 1, "W123AB456"), (600302, 0, "W9ZZ")],
    "pigment": [(300599, 0, "ABC999"), (300199, 0, "ABC999")],
    "workos": [(300101, 0, None), (300299, 1, "user_01HZ")],
    "authos": [(600301, 1, "user-uuid"), (300403, 1, "system")],
    "github": [(300603, 0, "octocat"), (300499, 0, "hubot")],
    "okta": [(300201, 1, "00u1qw1mqitPHM8AJ0g7"), (300299, 2, "00u2")],
}


@pytest.mark.parametrize("source", GOLDEN)
def test_real_actions(source):
    form = Ocsf(origin_of(source))
    documents = [json.loads(form.write(event)) for event in events_of(source)]
    found = [
        (each["type_uid"], each["status_id"], each.get("actor", {}).get("user", {}).get("uid")) for each in documents
    ]
    assert found == GOLDEN[source]


def test_a_member_of_a_team_at_github():
    document = json.loads(Ocsf(origin_of("github")).write(events_of("github")[0]))
    assert document["group"] == {"uid": "octo-org/zoë"}
    assert document["user"] == {"uid": "monalisa"}
    assert document["metadata"]["product"] == {"name": "GitHub", "vendor_name": "GitHub"}


def test_a_changed_account_type_at_pigment():
    document = json.loads(Ocsf(origin_of("pigment")).write(events_of("pigment")[0]))
    assert document["privileges"] == ["Workspace Admin"]
    assert document["user"] == {"uid": "ABC123", "name": "jo@example.com", "email_addr": "jo@example.com"}


def test_the_user_that_workos_created_is_not_taken_for_who_created_it():
    document = json.loads(Ocsf(origin_of("workos")).write(events_of("workos")[0]))
    assert document["user"] == {"uid": "user_01HZ", "name": "jo@example.com", "email_addr": "jo@example.com"}
    assert "actor" not in document
