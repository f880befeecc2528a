"""Whose log a position was read from."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.account import continued, fingerprint, is_same, refuse_other_account, with_id
from audit_provider.core.ledger.stream_name import StreamName

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


MINE, THEIRS = with_id("aaa", "org-1"), with_id("aaa", "org-2")


@pytest.mark.parametrize(
    ("kept", "found", "same"),
    [
        (MINE, MINE, True),
        (MINE, THEIRS, False),
        (MINE, with_id("bbb", "org-1"), True),
        (MINE, "aaa", True),
        (MINE, "bbb", False),
        ("aaa", MINE, True),
        ("bbb", MINE, False),
        ("", MINE, True),
    ],
    ids=[
        "same",
        "another id",
        "another host",
        "not given now",
        "not given, another host",
        "given now",
        "both",
        "unknown",
    ],
)
def test_an_id_that_the_vendor_tells_decides_and_else_the_fingerprint(kept, found, same):
    assert is_same(kept, found) is same


def test_an_id_that_is_not_given_now_is_kept():
    assert continued(MINE, "aaa") == MINE
    assert continued(MINE, with_id("bbb", "org-1")) == with_id("bbb", "org-1")
    assert continued("aaa", "aaa") == "aaa"


def test_another_id_is_named_as_the_reason():
    with pytest.raises(ConfigurationError, match="the vendor gives another account id"):
        refuse_other_account(MINE, THEIRS, LIVE, "the connection 'x'")
