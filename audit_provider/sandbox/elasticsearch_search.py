"""``_search`` of the stand-in for Elasticsearch and OpenSearch: by ids, or by the terms or the prefix of one field.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search
https://docs.opensearch.org/latest/api-reference/search-apis/search/
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_provider.sandbox.elasticsearch_store import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.sandbox.elasticsearch_store import Index

_MOST_HITS = 10_000
_MOST_TERMS = 65_536
_DEFAULT_HITS = 10
_COUNTED = 10_000
_NO_TIME = 2**63 - 1
_KEYS = frozenset({"query", "size", "track_total_hits", "_source", "fields", "sort", "search_after"})


def _refusal(asked: Any) -> Refusal | None:
    """Return why a body is not accepted, or None."""
    if not isinstance(asked, dict) or set(asked) - _KEYS:
        unknown = sorted(set(asked) - _KEYS)[0] if isinstance(asked, dict) else "no object"
        return Refusal(400, "parsing_exception", f"unknown key [{unknown}]")
    if not all(isinstance(each, dict) and set(each) == {"@timestamp"} for each in asked.get("sort", ())):
        return Refusal(400, "illegal_argument_exception", "the stand-in sorts by [@timestamp] alone")
    if len(asked.get("search_after", ())) != len(asked.get("sort", ())) and "search_after" in asked:
        return Refusal(400, "illegal_argument_exception", "search_after has another number of values than sort")
    size = asked.get("size", _DEFAULT_HITS)
    if size > _MOST_HITS:
        reason = (
            f"Result window is too large, from + size must be less than or equal to: [{_MOST_HITS}] but was [{size}]"
        )
        return Refusal(400, "illegal_argument_exception", reason)
    query = asked.get("query", {})
    if len(query) != 1 or not set(query) <= {"ids", "terms", "prefix"}:
        return Refusal(400, "parsing_exception", f"unknown query [{', '.join(query)}]")
    ((kind, about),) = query.items()
    if kind == "ids":
        if set(about) != {"values"}:
            return Refusal(400, "illegal_argument_exception", "Required [values]")
        return None
    if kind == "prefix":
        if len(about) != 1 or not all(isinstance(each, dict) and set(each) == {"value"} for each in about.values()):
            return Refusal(400, "parsing_exception", "[prefix] query does not support multiple fields")
        return None
    if len(about) != 1 or not all(isinstance(values, list) for values in about.values()):
        return Refusal(400, "parsing_exception", "[terms] query does not support multiple fields")
    if any(len(values) > _MOST_TERMS for values in about.values()):
        return Refusal(400, "illegal_argument_exception", f"The number of terms has exceeded {_MOST_TERMS}")
    return None


def search(index: Index, body: bytes) -> dict[str, Any] | Refusal:
    """Return the answer to a body, or why it is not accepted."""
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
            if asked.get("sort"):
                hit["sort"] = [_milliseconds(document.get("@timestamp"))]
    total_hits = len(hits)
    if asked.get("sort"):
        hits.sort(key=lambda each: each["sort"])
        if "search_after" in asked:
            hits = [each for each in hits if each["sort"] > asked["search_after"]]
    counted = asked.get("track_total_hits") is True or total_hits <= _COUNTED
    total = {"value": total_hits, "relation": "eq"} if counted else {"value": _COUNTED, "relation": "gte"}
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


def written(found: dict[str, Any], *, is_filtered: bool) -> bytes:
    """Return an answer as OpenSearch 2.19.6 and 3.9.0 write it.

    The source of a document has the bytes with which it was stored. If ``filter_path`` selects parts of the answer, it
    is written anew: numbers lose the digits that a double cannot hold, and 1e400 becomes a text.
    """
    if is_filtered:
        return json.dumps(json.loads(json.dumps(found), parse_constant=str)).encode()
    texts: list[str] = []
    place = uuid.uuid4().hex

    def placed(hit: dict[str, Any]) -> dict[str, Any]:
        if "_source" not in hit:
            return hit
        texts.append(hit["_source"].text)
        return {**hit, "_source": f"{place}{len(texts) - 1}"}

    hits = found["hits"]
    text = json.dumps({**found, "hits": {**hits, "hits": [placed(hit) for hit in hits["hits"]]}})
    parts = re.split(rf'"{place}([0-9]+)"', text)
    parts[1::2] = [texts[int(number)] for number in parts[1::2]]
    return "".join(parts).encode()


def _query(query: dict[str, Any]) -> Callable[[str, dict[str, Any]], bool]:
    if "ids" in query:
        ids = frozenset(query["ids"]["values"])
        return lambda name, _: name in ids
    if "prefix" in query:
        ((path, begins),) = query["prefix"].items()
        return lambda _, document: str(_at(document, path)).startswith(begins["value"])
    ((path, values),) = query["terms"].items()
    wanted = frozenset(map(str, values))
    return lambda _, document: str(_at(document, path)) in wanted


def _milliseconds(time: Any) -> int:
    """Return a document's time as the store sorts it; one without a time comes last."""
    return int(datetime.fromisoformat(time).timestamp() * 1000) if isinstance(time, str) else _NO_TIME


def _at(document: dict[str, Any], path: str) -> Any:
    if path in document:
        return document[path]
    place: Any = document
    for key in path.split("."):
        if not isinstance(place, dict):
            return None
        place = place.get(key)
    return place
