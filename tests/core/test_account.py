"""Whose log a position was read from."""

from __future__ import annotations

import pytest

from audit_provider.core.account import fingerprint, refuse_other_account
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.stream_name import StreamName

ADDRESS, SETTINGS = "https://api.example.com", {"organization": "acme", "region": "eu"}
LIVE = StreamName("p")


@pytest.mark.parametrize(
    "other",
    [
        ("https://api.example.net", SETTINGS, "client"),
        (ADDRESS, {**SETTINGS, "organization": "other"}, "client"),
        (ADDRESS, {**SETTINGS, "region": "us"}, "client"),
        (ADDRESS, SETTINGS, "another client"),
    ],
    ids=["host", "organization", "region", "login"],
)
def test_each_part_tells_accounts_apart(other):
    assert fingerprint(*other) != fingerprint(ADDRESS, SETTINGS, "client")


def test_how_the_parts_are_written_does_not_matter():
    again = fingerprint("https://API.example.com/", dict(reversed(SETTINGS.items())), "client")
    assert again == fingerprint(ADDRESS, SETTINGS, "client")


def test_another_account_is_refused_in_one_sentence_that_says_how_to_go_on():
    with pytest.raises(ConfigurationError) as refused:
        refuse_other_account("aaa", "bbb", LIVE, "the connection 'x'")
    assert "'same_account' in the connection's extra to 'aaa'" in str(refused.value)
    assert LIVE.cursor_key in str(refused.value)


@pytest.mark.parametrize("kept", ["", "bbb"], ids=["of an earlier version", "the same"])
def test_the_same_account_goes_on(kept):
    refuse_other_account(kept, "bbb", LIVE, "the connection 'x'")
