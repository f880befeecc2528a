"""On which terms a destination is served: given as one value, or as its fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from audit_provider.core.model import Offset
from audit_provider.core.shipping.ship import ship
from audit_provider.core.shipping.terms import Terms
from tests.core.destinations.stand_ins import NOW, Desk, Listed, event

SEGMENTS = [(1, [event(name) for name in "abcdefgh"])]


def shipped(**told):
    desk = Desk()
    return ship(Listed(), SEGMENTS, Offset(), commit=desk.commit, set_aside=desk.set_aside, **told)


def test_terms_are_one_value_or_its_fields_and_a_field_overrides_the_value():
    terms = Terms(sleep=lambda _: None, now=lambda: NOW, within=lambda event: event.id < "c")
    by_fields = {"sleep": terms.sleep, "now": terms.now, "within": terms.within}
    assert shipped(terms=terms) == shipped(**by_fields) == shipped(terms=terms, within=terms.within)
    assert shipped(terms=terms).counts.outside == 6
    assert shipped(terms=terms, within=None).counts.outside == 0
    assert terms.within is not None, "a field that differs for one run leaves the terms as they are"
    with pytest.raises(TypeError):
        shipped(terms=terms, patience=3)
    with pytest.raises(FrozenInstanceError):
        terms.tries = 1


@pytest.mark.parametrize(("minutes", "over"), [(None, False), (1, False), (0, True), (-1, True)])
def test_a_deadline_is_over_at_its_moment(minutes, over):
    deadline = None if minutes is None else NOW + timedelta(minutes=minutes)
    terms = Terms(sleep=lambda _: None, now=lambda: NOW, deadline=deadline)
    assert terms.is_over is over
    assert shipped(terms=replace(terms)).counts.delivered == (0 if over else 8)
