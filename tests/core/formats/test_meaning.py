"""The tables beside the sources, and how an action is found in them."""

from __future__ import annotations

import pytest

from audit_provider.core.records.facts import UNKNOWN, FactReader, Meaning, Meanings, product_of
from audit_provider.core.sources import REGISTRY
from tests.core.formats.events import event_of, origin_of


@pytest.mark.parametrize("source", sorted(REGISTRY))
def test_every_table_can_be_read(source):
    meanings = Meanings(REGISTRY[source].actions)
    for action, text in REGISTRY[source].actions.items():
        if "*" not in action:
            assert meanings.of(action) == Meaning.of(text)


@pytest.mark.parametrize("written", ["UserRoleChanged", "User Role Changed", "user role changed"])
def test_an_action_is_known_however_it_is_spaced(written):
    assert Meanings(REGISTRY["pylon"].actions).of(written) == Meaning("access", "update")


@pytest.mark.parametrize(
    ("source", "action", "meaning"),
    [
        ("workos", "authentication.password_failed", Meaning("authentication", "login", "failure")),
        ("workos", "authentication.mfa_succeeded", Meaning("authentication", "challenge", "success")),
        ("slack", "pref.who_can_invite", Meaning("settings", "update")),
        ("slack", "anomaly", UNKNOWN),
        ("auth0", "sapi", UNKNOWN),
        ("pylon", "IssueFirstResponseSLABreached", Meaning("sla", "breach")),
        ("hubspot_logins", "", Meaning("authentication", "login")),
        ("entra_sign_ins", "0", Meaning("authentication", "login", "success")),
        ("entra_sign_ins", "50126", Meaning("authentication", "login", "failure")),
        ("bitwarden", "1005", Meaning("authentication", "login", "failure")),
    ],
)
def test_patterns_and_what_is_left_out(source, action, meaning):
    assert Meanings(REGISTRY[source].actions).of(action) == meaning


@pytest.mark.parametrize("text", ["user", "user.dance", "people.create", "user.create.maybe", "user.create.success.x"])
def test_what_is_no_meaning(text):
    with pytest.raises(ValueError, match="is not a valid meaning"):
        Meaning.of(text)


@pytest.mark.parametrize("source", sorted(REGISTRY))
def test_the_product_is_named_without_its_log(source):
    product = product_of(origin_of(source))
    assert REGISTRY[source].title.startswith(product)
    assert "log" not in product.lower()
    assert not product.endswith((" audit", " events"))


def test_the_target_is_the_object_only_where_it_is_a_user_or_a_group():
    reader = FactReader(origin_of("workos"))
    membership = {
        "event": "organization_membership.created",
        "data": {"object": "organization_membership", "id": "om_1"},
    }
    facts = reader.read(event_of(membership))
    assert (facts.target_user, facts.target_group, facts.object_id) == ("", "", "om_1")
    facts = reader.read(event_of({"event": "dsync.user.created", "data": {"object": "directory_user", "id": "d_1"}}))
    assert facts.target_user == "d_1"
    facts = reader.read(event_of({"event": "organization.updated", "data": {"object": "organization", "id": "org_1"}}))
    assert facts.target_group == "org_1"


def test_an_outcome_may_be_a_flag():
    reader = FactReader(origin_of("authos"))
    assert reader.read(event_of({"action": "x", "success": True})).outcome == "success"
    assert reader.read(event_of({"action": "x", "success": False})).outcome == "failure"
    assert reader.read(event_of({"action": "x", "success": None})).outcome == ""
