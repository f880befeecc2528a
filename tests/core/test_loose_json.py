"""Texts that are JSON but for a detail, written anew; and how little of a text is changed."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.errors import ProtocolError
from audit_provider.core.text.loose_json import BrokenError, is_strict, rewritten
from audit_provider.core.wire.answer import Answer

jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(jsons, st.booleans(), st.sampled_from([None, 1]))
def test_what_python_writes_is_read_and_what_is_json_is_left_as_it_is(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")
    found = rewritten(text)
    assert is_strict(found.text, is_utf8=False)
    assert bool(found.why) is not is_strict(text, is_utf8=False)
    if not found.why:
        assert found.text == text
    assert rewritten(found.text) == (found.text, ())


@given(jsons, st.data())
def test_whatever_is_changed_in_a_text_it_is_json_afterwards_or_refused(value, data):
    text = bytearray(json.dumps(value).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        text[place : place + data.draw(st.integers(0, 1))] = data.draw(
            st.sampled_from([b"", b"NaN", b"\\", b'"', b"[", b"}", b",", b"\x00", b"\xff", b"00", b":"])
        )
    try:
        found = rewritten(bytes(text))
    except BrokenError:
        return
    json.loads(found.text.decode())
    msgspec.json.decode(found.text, type=msgspec.Raw)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"]",
        b'"a',
        b'"a\\',
        b"{,}",
        b"[,]",
        b"[1,,2]",
        b'{"a" 1}',
        b'{"a":}',
        b"{} {}",
        b"1 2",
        b"x",
        b"01x",
    ],
)
def test_what_has_no_whole_value_is_refused(text):
    with pytest.raises(BrokenError):
        rewritten(text)


def test_an_answer_that_is_json_but_for_a_detail_or_a_mark_is_read_everywhere():
    for body in (b'\xef\xbb\xbf{"a":[1]}', '{"a":[1]}'.encode("utf-16"), b'{"a":[1,],}', b'{"a":[1],"b":"\t"}'):
        assert Answer(200, {}, body, "here").json()["a"] == [1]
    with pytest.raises(ProtocolError, match="not JSON"):
        Answer(200, {}, b'{"a":[1', "here").json()
