"""Bytes from outside, as they come and as nobody would send them."""

from __future__ import annotations

import io
import json

import requests
from hypothesis import settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from audit_provider.core.wire.http import HttpClient
from tests.core.destinations.stand_ins import NOW

FUZZ = settings.get_profile("fuzz")

huge = st.sampled_from([10**30, -(10**30), 2**63, 2**64, 1e300, 0, -1, 0.5, int("9" * 4000)])
words = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "0", "-1", "9" * 5000, "null", "2026-13-45", "\x00", "//x", "http://[", "²"]),
)
scalars = st.one_of(st.none(), st.booleans(), huge, st.floats(allow_nan=False, allow_infinity=False), words)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
# Deeper than any Python lets its C code recurse: the most is 10,000.
deep = st.sampled_from([b"[" * 20_000, b'{"a":' * 20_000, b"[" * 500 + b"]" * 500])
lines = st.one_of(
    words,
    st.text(st.characters(codec="latin-1"), max_size=60),
    st.binary(max_size=40).map(lambda each: each.decode("latin-1")),
)


@st.composite
def changed(draw, value):
    """Return JSON like ``value``, with things exchanged, removed and added at any depth."""
    if draw(st.integers(0, 7)) == 0:
        return draw(values)
    if isinstance(value, dict):
        result = {}
        for key, each in value.items():
            if draw(st.integers(0, 15)):
                result[key] = draw(changed(each))
        if draw(st.integers(0, 7)) == 0:
            result[draw(words)] = draw(values)
        return result
    if isinstance(value, list):
        kept = [draw(changed(each)) for each in value[:3]]
        return [*kept, *draw(st.lists(values, max_size=2))] if draw(st.booleans()) else kept
    return value


@st.composite
def bodies_like(draw, value):
    """Return the bytes of an answer: like a known one, cut or spoiled, or anything."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return draw(deep)
    body = json.dumps(draw(changed(value)), ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    if kind == 2:
        return body[: draw(st.integers(0, len(body)))]
    if kind == 3 and body:
        place = draw(st.integers(0, len(body) - 1))
        return body[:place] + draw(st.binary(min_size=1, max_size=3)) + body[place + 1 :]
    return body


class Wire(HTTPAdapter):
    """Answers requests with what it is told, by the library's own response, without a network."""

    def __init__(self):
        super().__init__()
        self.reply = (200, {}, b"")

    def send(self, request, **_):
        status, headers, body = self.reply
        raw = HTTPResponse(
            body=io.BytesIO(body), headers=headers, status=status, preload_content=False, request_method=request.method
        )
        return self.build_response(request, raw)


def wired():
    """Return a wire, and a client at its end."""
    wire, session = Wire(), requests.Session()
    session.trust_env = False
    session.mount("http://", wire)
    client = HttpClient(
        session, "http://127.0.0.1:9/v1", service="Some API", sleep=lambda _: None, now=lambda: NOW, tries=2
    )
    return wire, client
