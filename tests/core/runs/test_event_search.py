"""Which actions a pattern names, and how long the parts of a search may be."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.runs.event_search import MOST_CHARACTERS, Wanted, is_action


@given(st.text("ab", max_size=8), st.text("ab*", max_size=8))
def test_a_pattern_names_what_a_shell_would_name(action, pattern):
    assert is_action(action, pattern) == fnmatch.fnmatchcase(action, pattern)


@pytest.mark.parametrize(
    ("action", "pattern", "named"),
    [
        ("user.login", "USER.*", True),
        ("User.Login", "*login", True),
        ("a\nb", "a*b", True),
        ("aa", "aa*aa", False),
        ("aXbXc", "a*b*c", True),
        ("[x]", "[x]", True),
        ("x", "[x]", False),
        ("x", "?", False),
    ],
)
def test_case_makes_no_difference_and_a_star_alone_is_special(action, pattern, named):
    assert is_action(action, pattern) is named


def test_many_stars_are_answered():
    """By a backtracking search it would take longer than anybody waits."""
    assert not is_action("a" * 5_000, "*a" * 400 + "*b")
    assert is_action("a" * 5_000, "*a" * 400 + "*")


@pytest.mark.parametrize("part", ["id", "actor", "action", "text"])
def test_no_part_of_a_search_is_longer_than_allowed(part):
    Wanted(**{part: "x" * MOST_CHARACTERS})
    with pytest.raises(ConfigurationError, match=rf"the {part} that is searched has 1,001 characters: 1,000"):
        Wanted(**{part: "x" * (MOST_CHARACTERS + 1)})
