"""Guesses the path that was meant by a path without a value, from the values in an answer or a record."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.fields import keys_of, value_at
from audit_provider.core.sources.shown import HEADER, header_of, is_header

_DEPTH = 4
_MOST_PATHS = 300
_CLOSE = 0.8
_LETTERS = 4  # shorter keys are close to too many others

_FAULTS = frozenset(
    {
        *("error", "errors", "fault", "exception", "message", "detail"),
        *("errorcode", "errordescription", "errormessage", "errormsg", "errorsummary"),
    }
)
_GOOD = frozenset({"", "0", "ok", "success"})
_STATES = frozenset({"status", "stat", "state", "result"})
_FAILED = frozenset({"error", "fail", "failed", "failure"})

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_LEADS_ON = frozenset({"next", "cursor", "continuation", "continue", "marker", "scroll"})
_LEADS_BACK = frozenset({"prev", "previous", "before", "self", "first", "last", "start", "current"})
_ARE_ALIKE = frozenset({"after", "more", "hasmore", "moreavailable", "moreresults", "morerecords"})
_AS_HEADERS = re.compile(r"(?:response\.)?headers?\.(.+)", re.IGNORECASE)


def paths_of(body: bytes, without: str = "") -> dict[str, Any]:
    """Return every scalar of a JSON object by its dotted path, lists aside.

    :param without: the path of what is not looked into, such as the records.
    """
    found: dict[str, Any] = {}
    for path, value in _scalars(body, (), tuple(keys_of(without)), _DEPTH):
        if len(found) == _MOST_PATHS:
            break
        found[path] = value
    return found


def header_meant(path: str) -> str:
    """Return the header form of a path such as ``headers.NextPageToken``; "" where it is no such path."""
    named = _AS_HEADERS.fullmatch(path)
    form = f"{HEADER} {named[1]}" if named else ""
    return form if header_of(form) else ""


def near_path(path: str, there: Mapping[str, Any]) -> str:
    """Return which of the paths that are there differs from ``path`` by little; "" for none."""
    wanted = [_folded(key) for key in keys_of(path)]
    for each in there:
        keys = [_folded(key) for key in keys_of(each)]
        if len(keys) == len(wanted) and all(map(_is_close, keys, wanted)):
            return each
    return ""


def records_elsewhere(found: Any, time_paths: Sequence[str], depth: int = _DEPTH) -> str:
    """Return where a list of records stands in an answer: of objects with one of these times; "" for nowhere."""
    if not isinstance(found, dict) or depth == 0:
        return ""
    for key, value in found.items():
        named = str(key).replace(".", "\\.")
        if isinstance(value, list) and value and any(value_at(value[0], path) is not None for path in time_paths):
            return named
        if inner := records_elsewhere(value, time_paths, depth - 1):
            return f"{named}.{inner}"
    return ""


def fault_beside(found: Any, path: str) -> str:
    """Return the key that speaks of a fault in an answer without records; "" where none does.

    :param path: of the records: what is looked into is each object on the way to them.
    """
    for key in ("", *keys_of(path)):
        found = found.get(key) if key and isinstance(found, dict) else found
        if not isinstance(found, dict):
            return ""
        for name, value in found.items():
            folded = _folded(str(name))
            said = value.strip().lower() if isinstance(value, str) else ""
            is_said = said not in _GOOD if isinstance(value, str) else bool(value)
            failed = (folded in _STATES and said in _FAILED) or (folded in ("ok", "success") and value is False)
            if failed or (folded in _FAULTS and is_said):
                return str(name)
    return ""


def way_on(there: Mapping[str, Any], headers: Mapping[str, str], known: Sequence[str]) -> str:
    """Return the path, or the header, at which something stands that looks like a way to the next page; "" for none.

    :param there: scalars of an answer by their path. :param known: paths that are looked at already.
    """
    named = {f"{HEADER} {name}": text for name, text in headers.items() if name.lower() != "link"}
    for path, value in {**there, **named}.items():
        if path in known or value in (None, False, "", 0) or str(value).lower() == "false":
            continue
        name = header_of(path) if is_header(path) else path
        words = {word.lower() for word in _WORD.findall(name)}
        leaf = _folded(keys_of(name)[-1])
        if words & _LEADS_BACK:
            continue
        if words & _LEADS_ON or (leaf in _ARE_ALIKE and not is_header(path)):
            return path
    return ""


def _scalars(body: bytes, above: tuple[str, ...], without: tuple[str, ...], depth: int) -> Iterator[tuple[str, Any]]:
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return
    for key, raw in found.items():
        keys = (*above, key)
        if not key:
            continue  # no path names it
        if without and keys[: len(without)] == without:
            continue
        inner = bytes(raw)
        if inner[:1] == b"{" and depth > 1:
            yield from _scalars(inner, keys, without, depth - 1)
        elif inner[:1] not in (b"{", b"["):
            try:
                yield ".".join(each.replace(".", "\\.") for each in keys), msgspec.json.decode(inner)
            except UNREADABLE:
                continue


def _folded(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())


def _is_close(one: str, other: str) -> bool:
    if one == other or min(len(one), len(other)) < _LETTERS:
        return bool(one) and one == other
    return difflib.SequenceMatcher(None, one, other).ratio() >= _CLOSE
