"""Every event type of WorkOS is read unless the user says otherwise, and none of them is unknown."""

from __future__ import annotations

from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.vendors.workos_events import EVENTS

WORKOS = REGISTRY["workos"]


def test_all_types_are_asked_for_by_default():
    assert WORKOS.settings["events"].default.split(",") == list(EVENTS)
    assert len(EVENTS) == len(set(EVENTS)) == 113


def test_each_type_has_a_category():
    classifier = Classifier(WORKOS.actions, WORKOS.categories, WORKOS.watched)
    assert [each for each in EVENTS if not classifier.of(each).known] == []
    assert classifier.of("session.created").category == "authentication"
    assert classifier.of("session.created").meaning.verb == "", "the sign-in itself is another event"
