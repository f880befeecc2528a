"""Which bucket an action is counted in, by the tables beside the sources."""

from __future__ import annotations

from typing import get_args

import pytest

from audit_provider.core.monitoring.categories import _BY_KIND, THEMES, Classifier
from audit_provider.core.records.facts import CATEGORIES, KINDS, Category
from audit_provider.core.sources import REGISTRY


def classifier_of(source):
    spec = REGISTRY[source]
    return Classifier(spec.actions, spec.categories, spec.watched)


def test_every_kind_of_meaning_has_a_category():
    assert set(_BY_KIND) == KINDS
    assert set(_BY_KIND.values()) == set(CATEGORIES) - {"other"}


def test_themes_share_no_category():
    themed = [each for categories in THEMES.values() for each in categories]
    assert len(themed) == len(set(themed))
    assert set(themed) <= set(get_args(Category))


@pytest.mark.parametrize(
    ("source", "action", "category", "watched"),
    [
        ("pylon", "LoginFailed", "authentication", True),
        ("pylon", "API Token Created", "API keys and tokens", True),
        ("pylon", "IssueFirstResponseSLABreached", "SLA", False),
        ("pylon", "OrganizationAccessSettingsUpdated", "settings", True),
        ("pylon", "TeamMemberAdded", "user management", False),
        ("slack", "file_downloaded", "data access", False),
        ("slack", "billing_address_added", "billing", False),
        ("workos", "authentication.password_failed", "authentication", True),
        ("github", "org.disable_two_factor_requirement", "settings", True),
        ("okta", "system.api_token.create", "API keys and tokens", True),
        ("pigment", "UserInvited", "user management", False),
        ("pigment", "UserLoggedIn", "authentication", False),
        ("pigment", "GroupApplicationRoleUpdated", "access and roles", True),
        ("pigment", "BlockDeleted", "content change", False),
        ("pigment", "AuditApiKeyCreated", "API keys and tokens", True),
    ],
)
def test_actions_and_their_buckets(source, action, category, watched):
    found = classifier_of(source).of(action)
    assert (found.category, found.known, found.watched) == (category, True, watched)


def test_what_no_table_knows_is_other():
    found = classifier_of("slack").of("anomaly")
    assert (found.category, found.known, found.watched) == ("other", False, False)


@pytest.mark.parametrize("source", sorted(name for name, spec in REGISTRY.items() if spec.watched))
def test_what_is_watched_is_known(source):
    spec = REGISTRY[source]
    for action in spec.watched:
        if "*" not in action:
            assert classifier_of(source).of(action).known, action
