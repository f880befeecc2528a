"""The ``Link`` header by RFC 8288: read to its end, whatever valid form it has, or refused."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.sources.shown import UnreadableLinkError, links_in

TOKENS = st.text("!#$%&'*+.^_`|~-" + string.ascii_letters + string.digits, min_size=1, max_size=12)
NAMES = TOKENS.filter(lambda name: name.lower() != "rel")
TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
TARGETS = st.text(st.characters(codec="ascii", exclude_characters="<>", exclude_categories=["Cc"]), max_size=30)
SPACES = st.sampled_from(["", " ", "\t", "  "])


def nexts(header):
    return [link.target for link in links_in(header) if "next" in link.relations]


def quoted(text, escape_all=False):
    return '"' + "".join(f"\\{each}" if escape_all or each in '"\\' else each for each in text) + '"'


@st.composite
def params(draw):
    """A parameter as a service may write it, with its name and the value that is meant."""
    name, space = draw(NAMES), draw(SPACES)
    form = draw(st.sampled_from(["alone", "token", "quoted", "escaped"]))
    if form == "alone":
        return name, "", name
    value = draw(TOKENS if form == "token" else TEXTS)
    written = value if form == "token" else quoted(value, form == "escaped")
    return name, value, f"{name}{space}={space}{written}"


@st.composite
def links(draw):
    """A link as a service may write it, with what is meant by it."""
    target = draw(TARGETS).strip()
    rels = draw(st.lists(st.sampled_from(["next", "NEXT", "prev", "last", "https://example.com/rel"]), max_size=3))
    parts = draw(st.lists(params(), max_size=4))
    written = [text for _, _, text in parts]
    if rels:
        rel = draw(st.sampled_from(["rel", "Rel", "REL"]))
        written.insert(draw(st.integers(0, len(written))), f"{rel}={quoted(' '.join(rels))}")
    gaps = [draw(SPACES) + ";" + draw(SPACES) for _ in written]
    wanted = {}
    for name, value, _ in parts:
        wanted.setdefault(name.lower(), value)
    text = f"<{target}>" + "".join(f"{gap}{part}" for gap, part in zip(gaps, written, strict=True))
    return text, target, frozenset(rel.lower() for rel in rels), wanted


@given(st.lists(links(), max_size=4), st.sampled_from([",", ", ", " , ", ",,", ", , "]))
def test_what_is_written_is_what_is_read(wanted, comma):
    found = links_in(comma.join(text for text, *_ in wanted))
    assert [link.target for link in found] == [target for _, target, *_ in wanted]
    assert [link.relations for link in found] == [relations for *_, relations, _ in wanted]
    for link, (*_, others) in zip(found, wanted, strict=True):
        assert {name: value for name, value in link.params.items() if name != "rel"} == others


@given(links(), st.data())
def test_a_header_that_was_cut_never_shows_another_next_page(link, data):
    text, target, relations, _ = link
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        found = nexts(cut)
    except UnreadableLinkError:
        return
    assert found in ([], [target] if "next" in relations else [])


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(UnreadableLinkError):
        links_in(text)


@pytest.mark.parametrize(
    "header",
    [
        '<u>; rel="next"',
        "<u>;rel=next",
        "<u>;\trel = next ;",
        '<u>; title="k=v"; rel="next"',
        '<u>; cursor="b64=="; results="true"; rel="next"',
        '<u>; crossorigin; rel="next"',
        '<u>; rel="next"; nopush',
        '<u>; REL="Next"',
        '<u>; rel="first  NEXT\tprefetch"',
        '<u>; title="one, <two>; rel=prev"; rel="next"',
        r'<u>; title="say \"hi\", <v>; rel=\"prev\""; rel="next"',
        "<u>; title*=UTF-8''n%c3%a4chste; rel=next",
        "<u>; rel*=UTF-8''prev; rel=next",
        "<u>; rel=next; rel=prev",
        '<p>; rel="prev", <u>; rel="next"',
        ', <p>; rel="prev",, <u>; rel="next",',
        '<u>; title="café"; rel="next"',
        "<u>; type=text/html; rel=next",
        "< u >; rel='next'",
    ],
)
def test_every_valid_form_of_a_next_page(header):
    assert nexts(header) == ["u"]


@pytest.mark.parametrize("target", ["/e?f=a;after=x", "/e?f=a,b", "/e?q=a=b;c,d", "https://[::1]:8080/e", "?p=2"])
def test_an_address_goes_up_to_its_bracket(target):
    assert nexts(f'<{target}>; rel="next", </e>; rel="first"') == [target]


@pytest.mark.parametrize(
    "header",
    [
        *("", " ", ",", "<u>", '<u>; rel="prev"', '<u>; title="next"', "<u>; rel*=UTF-8''next"),
        *("<u>; rel=prev; rel=next", "<u>; rel=nextpage", '<u>; rel=""', "<u>; rev=next"),
    ],
)
def test_what_names_no_next_page(header):
    assert nexts(header) == []


@pytest.mark.parametrize(
    ("header", "position", "reason"),
    [
        ('<u; rel="next"', 1, "without its '>'"),
        ('<u; rel="next", <v>; rel="prev"', 1, "without its '>'"),
        ('u; rel="next"', 1, "than a link"),
        ('<u>; rel="next', 10, "quote"),
        ('<u> rel="next"', 4, "';' or ','"),
        ("<u>; rel=next last", 14, "';' or ','"),
        ('<u>; rel="prev", more', 18, "than a link"),
        ("<u>; rel=", 10, "no value"),
        ("<u>; rel=“next”", 10, "no value"),
        ('<u>; =x; rel="next"', 6, "name of a parameter"),
        ('{"next": "u"}', 1, "than a link"),
    ],
)
def test_what_cannot_be_read_says_where(header, position, reason):
    with pytest.raises(UnreadableLinkError, match=reason) as caught:
        links_in(header)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "header",
    [
        '<https://h/e?after=S3cret>; cursor="S3cret"; rel="next" x',
        "<https://h/e?after=S3cret; rel=next",
        '<https://h/e>; cursor=S3cret; rel="next" x',
        '<https://h/e>; rel="next"; cursor="S3cret',
        "<https://h/e>; cursor=“S3cret-and-more”; rel=next",
    ],
)
def test_what_is_shown_of_it_holds_no_cursor(header):
    with pytest.raises(UnreadableLinkError) as caught:
        links_in(header)
    assert "S3cret" not in caught.value.shown
    assert "h/e" in caught.value.shown
