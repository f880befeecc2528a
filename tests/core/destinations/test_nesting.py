"""How deep JSON is nested, and what is not sent to a store whose stack would end."""

from __future__ import annotations

import json

import msgspec
import pytest

from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.destinations.elasticsearch_documents import MOST_DEPTH, is_deeper
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import Event
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, client_of, event


def nested(depth, open_="[", close="]"):
    return f"{open_ * depth}1{close * depth}".encode()


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("depth", [1, 2, 50])
def test_the_depth_is_exact(open_, close, depth):
    content = nested(depth, open_, close)
    levels = content.count(b"[") + content.count(b"{")
    assert not is_deeper(content, levels)
    assert is_deeper(content, levels - 1)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 50,
        '"' + "{" * 50,
        "\\" + "[" * 50,
        '\\"' + "[{" * 50,
        [[1]] * 50,
        {str(number): {"a": []} for number in range(50)},
        {'"[[[' * 5: ["]" * 50]},
    ],
)
def test_brackets_in_texts_and_side_by_side_are_no_levels(value):
    assert not is_deeper(json.dumps({"value": value}).encode(), 4)


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_a_record_that_would_overflow_a_stores_stack_is_set_aside_and_the_rest_is_sent(serve, form, open_, close):
    """OpenSearch reads each level of a ``flat_object`` by calls of its own: 900 of them ended its stack."""

    def app(request):
        lines = request.body.split(b"\n")[1:-1:2]
        stored.extend(lines)
        return 200, {}, {"errors": False, "items": [{"create": {"status": 201}} for _ in lines]}

    stored, desk, server = [], Desk(), serve(app)
    options = ElasticsearchOptions()
    destination = ElasticsearchDestination(options, ORIGIN, client_of(server), form=FORMATS[form](ORIGIN, "1.3"))
    record = b'{"id":"deep","value":' + nested(MOST_DEPTH + 1, open_, close) + b"}"
    good = b'{"id":"half","value":' + nested(MOST_DEPTH // 2, open_, close) + b"}"
    deep, half = (Event(name, NOW, msgspec.Raw(each)) for name, each in (("deep", record), ("half", good)))
    desk.ship(destination, [[event("a"), deep, half, event("b")]])
    assert not any(is_deeper(each, MOST_DEPTH) for each in stored)
    if len(stored) == 4:  # the form keeps nothing of it, or as a text
        assert not desk.letters
    else:
        assert len(stored) == 3
        assert f"nested more than {MOST_DEPTH} levels deep" in desk.letters["deep"].reason
