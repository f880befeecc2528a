"""The vendor's record within a document of Elasticsearch or OpenSearch, to compare it with the spool's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE

if TYPE_CHECKING:
    from audit_provider.core.model import Event
    from audit_provider.core.verification.arrival import Contents

_OWN = frozenset({"@timestamp", "data_stream", "event"})
"""What a document has at its root beside a record that is the document itself."""


def record_in(document: bytes) -> bytes | None:
    """Return the record that a document holds, in one spelling; None in a form that cannot be compared.

    It is ``event.original``, the object under ``raw``, or else the document itself. Fields that were derived from it
    are not looked at, since another version of this package, or an ingest pipeline, may derive others.
    """
    try:
        found = msgspec.json.decode(document)
        if not isinstance(found, dict):
            return None
        event = found.get("event")
        original = event.get("original") if isinstance(event, dict) else found.get("event.original")
        if isinstance(original, str):
            return one_spelling(msgspec.json.decode(original))
        if isinstance(found.get("raw"), dict):
            return one_spelling(found["raw"])
    except UNREADABLE:
        return None
    if isinstance(found.get("message"), str) and not found.keys() - _OWN - {"message"}:
        return None
    return one_spelling({key: value for key, value in found.items() if key not in _OWN})


def one_spelling(record: Any) -> bytes:
    """Return a record however it is written: a store may order, flatten and sort what it gives back."""
    return msgspec.json.encode(sorted(set(_leaves(record, ""))))


def records_of(contents: Contents) -> Contents:
    """Return what says how the record of an event may lie in a document.

    :param contents: what says how the event itself may lie at a destination.
    """

    def records(folder: str, segment: int, event: Event) -> Iterator[bytes]:
        for each in contents(folder, segment, event):
            if (found := record_in(each)) is not None:
                yield found
        try:
            yield one_spelling(msgspec.json.decode(event.raw))
        except UNREADABLE:
            return

    return records


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, float) and value.is_integer():
        yield path, str(int(value))
    elif isinstance(value, bool):
        yield path, str(value).lower()
    elif value is not None:
        yield path, str(value)
