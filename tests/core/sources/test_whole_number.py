"""Digits that are a number, and those that are none."""

from __future__ import annotations

import pytest

from audit_provider.core.records.fields import whole_number
from audit_provider.core.sources.paging import Call, OffsetPaging, PagePaging


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_digits_are_a_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", " 1", "1_0", "²", "٣", "9" * 19, "9" * 5000])
def test_other_text_is_none(text):
    assert whole_number(text) is None


@pytest.mark.parametrize("paging", [PagePaging("page", sent_in="body"), OffsetPaging("page", sent_in="body")])
def test_a_vendors_cursor_that_is_no_number_goes_back_as_it_was_given(paging):
    endless = "9" * 5000
    assert paging.apply(Call("POST", "/", {}, {}, {}), endless).body == {"page": endless}
    assert paging.apply(Call("POST", "/", {}, {}, {}), "7").body == {"page": 7}
