"""``_search`` of the stand-in for Elasticsearch and OpenSearch: by ids or by the terms of one field.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search
https://docs.opensearch.org/latest/api-reference/search-apis/search/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from audit_provider.sandbox.elasticsearch_store import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.sandbox.elasticsearch_store import Index

_MOST_HITS = 10_000
_MOST_TERMS = 65_536
_DEFAULT_HITS = 10
_COUNTED = 10_000
_KEYS = frozenset({"query", "size", "track_total_hits", "_source", "fields"})


def _refusal(asked: Any) -> Refusal | None:
    """Return why a body is not taken, or None."""
    if not isinstance(asked, dict) or set(asked) - _KEYS:
        unknown = sorted(set(asked) - _KEYS)[0] if isinstance(asked, dict) else "no object"
        return Refusal(400, "parsing_exception", f"unknown key [{unknown}]")
    size = asked.get("size", _DEFAULT_HITS)
    if size > _MOST_HITS:
        reason = (
            f"Result window is too large, from + size must be less than or equal to: [{_MOST_HITS}] but was [{size}]"
        )
        return Refusal(400, "illegal_argument_exception", reason)
    query = asked.get("query", {})
    if len(query) != 1 or not set(query) <= {"ids", "terms"}:
        return Refusal(400, "parsing_exception", f"unknown query [{', '.join(query)}]")
    ((kind, about),) = query.items()
    if kind == "ids":
        if set(about) != {"values"}:
            return Refusal(400, "illegal_argument_exception", "Required [values]")
        return None
    if len(about) != 1 or not all(isinstance(values, list) for values in about.values()):
        return Refusal(400, "parsing_exception", "[terms] query does not support multiple fields")
    if any(len(values) > _MOST_TERMS for values in about.values()):
        return Refusal(400, "illegal_argument_exception", f"The number of terms has exceeded {_MOST_TERMS}")
    return None


def search(index: Index, body: bytes) -> dict[str, Any] | Refusal:
    """Return the answer to a body, or why it is not taken."""
    try:
        asked = json.loads(body)
    except ValueError:
        return Refusal(400, "parsing_exception", "the body is not JSON")
    if refusal := _refusal(asked):
        return refusal
    fits = _query(asked["query"])
    hits = []
    for where, name, document in index.entries():
        if fits(name, document):
            hit: dict[str, Any] = {"_index": where, "_id": name, "_score": 1.0}
            if asked.get("_source", True):
                hit["_source"] = document
            fields = {path: [value] for path in asked.get("fields", ()) if (value := _at(document, path)) is not None}
            if fields:
                hit["fields"] = fields
            hits.append(hit)
    counted = asked.get("track_total_hits") is True or len(hits) <= _COUNTED
    total = {"value": len(hits), "relation": "eq"} if counted else {"value": _COUNTED, "relation": "gte"}
    return {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": total,
            "max_score": 1.0 if hits else None,
            "hits": hits[: asked.get("size", _DEFAULT_HITS)],
        },
    }


def _query(query: dict[str, Any]) -> Callable[[str, dict[str, Any]], bool]:
    if "ids" in query:
        ids = frozenset(query["ids"]["values"])
        return lambda name, _: name in ids
    ((path, values),) = query["terms"].items()
    wanted = frozenset(map(str, values))
    return lambda _, document: str(_at(document, path)) in wanted


def _at(document: dict[str, Any], path: str) -> Any:
    if path in document:
        return document[path]
    place: Any = document
    for key in path.split("."):
        if not isinstance(place, dict):
            return None
        place = place.get(key)
    return place
