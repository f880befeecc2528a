"""Templates with names in braces, by which a request says where time bounds and settings are inserted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from audit_provider.core.model import EPOCH, UTC, Window, date_of, exact_text_of, text_of

TimeFormat = Literal[
    "rfc3339", "rfc3339_ms", "rfc3339_hour", "rfc3339_no_zone", "datetime", "epoch", "epoch_ms", "date"
]
"""How a vendor wants a time written: RFC 3339 in whole seconds, with milliseconds, in whole hours for a vendor that
rounds to them, or in whole seconds without the zone (which is UTC), ``2026-03-01 10:00:00`` in UTC, an epoch, or a
date."""

BOUNDS = ("start", "end")
_NAME = re.compile(r"\{(\w+)\}")
_GRAINS: dict[TimeFormat, timedelta] = {
    "rfc3339": timedelta(seconds=1),
    "rfc3339_ms": timedelta(milliseconds=1),
    "datetime": timedelta(seconds=1),
    "rfc3339_no_zone": timedelta(seconds=1),
    "epoch": timedelta(seconds=1),
    "epoch_ms": timedelta(milliseconds=1),
    "rfc3339_hour": timedelta(hours=1),
    "date": timedelta(days=1),
}


def filled(template: Any, values: Mapping[str, str], *, quoted: bool = False) -> Any:
    """Return a copy of ``template`` with values in place of their names; unknown names stay unchanged.

    :param quoted: percent-encode the values, because they are parts of a path.
    """
    if isinstance(template, str):

        def value_of(match: re.Match[str]) -> str:
            if match[1] not in values:
                return match[0]
            return quote(values[match[1]], safe="") if quoted else values[match[1]]

        return _NAME.sub(value_of, template)
    if isinstance(template, Mapping):
        return {key: filled(value, values, quoted=quoted) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [filled(value, values, quoted=quoted) for value in template]
    return template


def names_in(template: Any) -> set[str]:
    """Return the names in braces, including those of time bounds."""
    if isinstance(template, str):
        return set(_NAME.findall(template))
    if isinstance(template, Mapping):
        template = template.values()
    if isinstance(template, str) or not hasattr(template, "__iter__"):
        return set()
    return set().union(*(names_in(each) for each in template))


def is_bounded(template: Any) -> bool:
    """Return whether ``template`` contains a time bound."""
    return not names_in(template).isdisjoint(BOUNDS)


def unbounded(template: Any) -> Any:
    """Return a copy of ``template`` without the entries that contain a time bound."""
    if isinstance(template, Mapping):
        return {
            key: unbounded(value)
            for key, value in template.items()
            if not is_bounded(value) or (isinstance(value, Mapping) and unbounded(value))
        }
    return template


def bounds_of(window: Window, times: TimeFormat) -> dict[str, str]:
    """Return a window's bounds as texts, rounded outwards, so that no part of the window is cut off.

    A date as the end includes that whole day.
    """
    return {
        "start": _text(_rounded(window.start, _GRAINS[times]), times),
        "end": _text(_rounded(window.end, _GRAINS[times], up=times != "date"), times),
    }


def asked_for(start: datetime, end: datetime, times: TimeFormat) -> tuple[datetime, datetime]:
    """Return the span that a request really covers once :func:`bounds_of` has written and rounded its bounds."""
    grain = _GRAINS[times]
    return _rounded(start, grain), _rounded(end, grain) + grain if times == "date" else _rounded(end, grain, up=True)


def _rounded(moment: datetime, grain: timedelta, *, up: bool = False) -> datetime:
    steps, rest = divmod(moment - EPOCH, grain)
    return EPOCH + (steps + bool(up and rest)) * grain


def _text(moment: datetime, times: TimeFormat) -> str:
    moment = moment.astimezone(UTC)
    if times == "epoch":
        return str((moment - EPOCH) // timedelta(seconds=1))
    if times == "epoch_ms":
        return str((moment - EPOCH) // timedelta(milliseconds=1))
    if times == "date":
        return date_of(moment)
    if times in ("rfc3339", "rfc3339_hour"):
        return text_of(moment)
    if times == "datetime":
        return text_of(moment).replace("T", " ").rstrip("Z")
    if times == "rfc3339_no_zone":
        return text_of(moment).removesuffix("Z")
    return exact_text_of(moment, 3)
