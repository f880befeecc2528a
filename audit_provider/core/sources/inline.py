"""A source that a user wrote: the same values as a built-in one, checked key by key.

A built-in source may have more than one request, and a recovery source for the same log. If an entry changes a source
that it names with ``like``, the change also applies to these if they had the same value; see
:mod:`~audit_provider.core.sources.overrides`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args, get_type_hints

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields
from audit_provider.core.records.fields import all_paths_of, keys_of
from audit_provider.core.records.links import checked_page
from audit_provider.core.sources.description_check import header_meant
from audit_provider.core.sources.export import ExportJob, FeedList, FileList
from audit_provider.core.sources.overrides import carried, merged
from audit_provider.core.sources.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    ObjectIdPaging,
    OffsetPaging,
    PagePaging,
)
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.event_feed import EventFeed
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.sources.reading.head_scan import HeadScan
from audit_provider.core.sources.reading.id_keyset import IdKeyset
from audit_provider.core.sources.reading.measured_list import MeasuredList
from audit_provider.core.sources.reading.since_scan import SinceScan
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.shown import header_of, is_header
from audit_provider.core.sources.spec import Errors, PageSize, Preparation, Probe, Setting, SourceSpec
from audit_provider.core.sources.statement import Columns, Polling, StatementPaging
from audit_provider.core.text.templates import BOUNDS, names_in
from audit_provider.core.text.validation import Mistakes, checked, near, validated
from audit_provider.core.wire.addresses import base_url_from
from audit_provider.core.wire.assertion import Assertion
from audit_provider.core.wire.auth import Basic, Bearer, Header, Token, is_token_url
from audit_provider.core.wire.rate_limit import RateLimit
from audit_provider.core.wire.signatures import SignedRequest

TYPES: dict[str, dict[str, type]] = {
    "reading": {
        "closed_windows": ClosedWindows,
        "tail_cursor": TailCursor,
        "id_keyset": IdKeyset,
        "since_scan": SinceScan,
        "head_scan": HeadScan,
        "file_export": FileExport,
        "event_feed": EventFeed,
        "measured_list": MeasuredList,
    },
    "paging": {
        "none": NoPaging,
        "cursor": CursorPaging,
        "next_url": NextUrlPaging,
        "link": LinkPaging,
        "page": PagePaging,
        "offset": OffsetPaging,
        "object_id": ObjectIdPaging,
        "statement": StatementPaging,
    },
    "auth": {
        "bearer": Bearer,
        "header": Header,
        "basic": Basic,
        "token": Token,
        "assertion": Assertion,
        "signed": SignedRequest,
    },
    "export": {"job": ExportJob, "files": FileList, "feeds": FeedList},
}
"""Keys that have a ``type``, with the class of each type."""

_WIDTHS = ("first_width", "max_width", "min_width")
_VALUES: dict[str, type] = {
    "request": Request,
    "follow": Request,
    "fallback": Request,
    "create": Request,
    "status": Request,
    "fields": Fields,
    "rate_limit": RateLimit,
    "errors": Errors,
    "page_size": PageSize,
    "probe": Probe,
    "preparation": Preparation,
    "columns": Columns,
    "polling": Polling,
}


def source_of(entry: Mapping[str, Any], path: str, sources: Mapping[str, SourceSpec], name: str) -> SourceSpec:
    """Return the source that ``entry`` describes: a new one, or one ``like`` another with some keys changed.

    A change also applies to the other's ``follow``, ``fallback`` and ``recovery``, or the entry is refused.

    :param path: the entry's path in the pipelines file. :param sources: what ``like`` may name. :param name: the name
        if the entry gives none.
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    entry = dict(entry)
    base: SourceSpec | None = None
    if "like" in entry:
        like = entry.pop("like")
        if not isinstance(like, str) or like not in sources:
            raise ConfigurationError(f"{path}.like: there is no source {like!r}{near(str(like), sources)}")
        base = sources[like]
    entry.setdefault("name", base.name if base else name)
    if base is None:
        entry.setdefault("title", entry["name"])
        entry.setdefault("docs", "")
    spec = _spec(entry, path, base)
    mistakes = mistakes_in(spec)
    if mistakes:
        raise ConfigurationError("\n".join(f"{path}.{mistake}" for mistake in mistakes))
    return spec


def mistakes_in(spec: SourceSpec) -> list[str]:
    """Return the settings of a source that do not fit together, each line beginning with the key it concerns."""
    found = []
    if spec.base_url:
        try:
            base_url_from(spec.base_url)
        except ConfigurationError as error:
            found.append(f"base_url: {error}")
    requests = {"request": spec.request, "follow": spec.follow, "fallback": spec.fallback}
    if isinstance(spec.export, ExportJob):
        requests |= {"export.create": spec.export.create, "export.status": spec.export.status}
    if spec.preparation:
        requests["preparation.request"] = spec.preparation.request
    if spec.polling:
        requests["polling.request"] = spec.polling.request
    for key, request in requests.items():
        if request is None:
            continue
        known = {*BOUNDS, *spec.settings, "job"}
        found += [
            f"{key}.{part}: {{{each}}} is neither start or end of the time range nor one of the settings"
            for part in ("path", "params", "body", "headers")
            for each in sorted(names_in(getattr(request, part)) - known)
        ]
        if not request.path.startswith("/"):
            found.append(f"{key}.path: must begin with '/'")
    shown = {"host", *(name for name, setting in spec.settings.items() if not setting.secret)}
    found += [
        f"page_url: {{{each}}} is neither 'host' nor one of the settings that may be shown"
        for each in sorted(names_in(spec.page_url) - shown)
    ]
    if spec.page_url:
        try:
            checked_page(spec.page_url, "page_url:")
        except ConfigurationError as error:
            found.append(str(error))
    if spec.explode_at and not spec.fields.id:
        found.append("explode_at: needs 'fields.id', from which its events get theirs")
    if spec.records_by_key and not spec.records_at:
        found.append("records_by_key: needs 'records_at', the path of the object")
    if spec.each and spec.each not in spec.settings:
        found.append(f"each: {spec.each!r} is none of the settings{near(spec.each, spec.settings)}")
    if spec.each and spec.recovery:
        found.append("each: a source with several logs cannot have a 'recovery'")
    if spec.explode_at and isinstance(spec.reading, ClosedWindows) and spec.reading.most:
        found.append("explode_at: cannot be combined with 'reading.most', which counts records")
    if spec.probe and not spec.probe.path.startswith("/"):
        found.append("probe.path: must begin with '/'")
    if isinstance(spec.auth, Assertion | Token) and not (
        is_token_url(spec.auth.url) or (isinstance(spec.auth, Assertion) and not spec.auth.url)
    ):
        found.append("auth.url: must begin with '/', or be an address that begins with http:// or https://")
    found += [
        f"volatile: {path!r} is, or contains, the record's {key}, which identifies an event"
        for path in spec.volatile
        for key in ("id", "time")
        if any(keys_of(path) == keys_of(each)[: len(keys_of(path))] for each in all_paths_of(getattr(spec.fields, key)))
    ]
    found += [
        f"fields.{each.name}: ' + ' joins values to an id only; for alternatives write '|'"
        for each in dataclasses.fields(spec.fields)
        if each.name != "id" and " + " in getattr(spec.fields, each.name)
    ]
    needed = names_in(spec.request.params) | names_in(spec.request.body)
    if isinstance(spec.export, ExportJob):
        needed = names_in(spec.export.create.params) | names_in(spec.export.create.body)
    bounds = {ClosedWindows: BOUNDS, FileExport: BOUNDS, SinceScan: ("start",)}.get(type(spec.reading), ())
    kind = type(spec.reading).__name__
    found += [f"request: {kind} needs {{{each}}} in params or body" for each in bounds if each not in needed]
    if isinstance(spec.reading, MeasuredList) and not spec.fields.id and getattr(spec.paging, "ends_when_same", False):
        found.append(
            "paging.ends_when_same: measured_list follows the end of a list, where records without an id would be new "
            "each time the last page is served again: use head_scan or since_scan"
        )
    if isinstance(spec.reading, IdKeyset) and not isinstance(spec.paging, ObjectIdPaging):
        found.append("paging: id_keyset needs paging of type object_id")
    found += _mistakes_in_paging(spec)
    if isinstance(spec.reading, FileExport) and spec.export is None:
        found.append("export: file_export needs this key, which says where the files are")
    if isinstance(spec.reading, EventFeed) != isinstance(spec.export, FeedList):
        found.append("export: event_feed and an export of type feeds, which says where the feeds are, belong together")
    mistakes = Mistakes()
    with mistakes.collected():
        check_reading(spec.reading, "reading")
    with mistakes.collected():
        spec.rate_limit.check("rate_limit")
    found += mistakes.lines
    if spec.page_size and spec.page_size.most < 1:
        found.append("page_size.most: must be at least 1")
    if spec.recovery:
        found += [f"recovery.{mistake}" for mistake in mistakes_in(spec.recovery) if mistake not in found]
    return found


def _mistakes_in_paging(spec: SourceSpec) -> list[str]:
    """Return the paging settings that can never find a next page, each line beginning with the key it concerns."""
    found = []
    for each in dataclasses.fields(spec.paging):  # type: ignore[arg-type]
        path = getattr(spec.paging, each.name)
        if not each.name.endswith("_at") or not isinstance(path, str) or not path:
            continue
        if is_header(path):
            if not header_of(path):
                found.append(f"paging.{each.name}: {path!r} does not name a header; write it as 'header: x-next-page'")
        elif not spec.records_at and not isinstance(spec.export, ExportJob):
            meant = header_meant(path)
            hint = f"did you mean {meant!r}?" if meant else "for a header of the answer write 'header: NAME'"
            found.append(
                f"paging.{each.name}: records_at is empty, so the answer is a list and has nothing at {path!r}: {hint}"
            )
    found += [
        f"paging.hosts: {host!r} must be only the name of a host, such as api.example.com"
        for host in getattr(spec.paging, "hosts", ())
        if not host or any(letter in "/:@ " for letter in host)
    ]
    if isinstance(spec.paging, CursorPaging) and not spec.paging.cursor_at:
        found.append("paging.cursor_at: must not be empty, because nothing else leads to the next page")
    if isinstance(spec.paging, NextUrlPaging) and not spec.paging.url_at:
        found.append("paging.url_at: must not be empty, because nothing else leads to the next page")
    return found


def check_reading(reading: Any, path: str) -> None:
    """Refuse settings with which a strategy would leave out a part of the time.

    :raises ConfigurationError: one is negative, or a width is less than a second.
    """
    for each in dataclasses.fields(reading):
        value = getattr(reading, each.name)
        least = 1 if each.name in _WIDTHS else 0
        size = value.total_seconds() if isinstance(value, timedelta) else value
        if not isinstance(value, bool) and isinstance(size, (int, float)) and size < least:
            raise ConfigurationError(f"{path}.{each.name}: must be at least {least}")


def _spec(entry: Mapping[str, Any], path: str, base: SourceSpec | None) -> SourceSpec:
    known = [each.name for each in dataclasses.fields(SourceSpec)]
    mistakes = Mistakes()
    for key in entry:
        if key not in known:
            mistakes.add(f"{path}.{key}: there is no such key{near(str(key), [*known, 'like'])}")
    if base is not None:
        entry, missing = carried(entry, path, base)
        mistakes.lines += missing
    hints = get_type_hints(SourceSpec)
    values: dict[str, Any] = {}
    for key in known:
        if key not in entry:
            continue
        with mistakes.collected():
            values[key] = _value(key, entry[key], f"{path}.{key}", getattr(base, key, None), hints[key], entry, base)
    if base is None:
        needed = (each for each in dataclasses.fields(SourceSpec) if each.default is each.default_factory)
        mistakes.lines += [f"{path}.{each.name}: is missing" for each in needed if each.name not in entry]
    mistakes.raise_any()
    return dataclasses.replace(base, **values) if base else SourceSpec(**values)


def _value(
    key: str, written: Any, path: str, base: Any, hint: Any, entry: Mapping[str, Any], spec: SourceSpec | None
) -> Any:
    """Return the value of one key. :param base: the value that is changed; None if there is none."""
    if written is None and key in (*TYPES, *_VALUES, "recovery"):
        if type(None) not in get_args(hint):
            raise ConfigurationError(f"{path}: must not be empty")
        return None
    if key in TYPES:
        return _typed(key, written, path, base)
    if key in _VALUES:
        return _nested(_VALUES[key], written, path, base)
    if key == "settings":
        return {name: _setting(each, f"{path}.{name}") for name, each in _mapping(written, path).items()}
    if key == "recovery":
        if base is not None:
            return _spec(_mapping(written, path), path, base)
        # It is the same source, read by time: keys that it does not give are those of the entry.
        rest = {name: each for name, each in entry.items() if name != "recovery"}
        both = {**rest, **_mapping(written, path)}
        return _spec(both if spec is None else merged(rest, both), path, spec)
    return checked(hint, written, path)


def _typed(key: str, written: Any, path: str, base: Any) -> Any:
    entry = dict(_mapping(written, path))
    kind = TYPES[key].get(str(entry.pop("type"))) if "type" in entry else type(base) if base is not None else None
    if kind is None:
        named = written.get("type")
        wrong = f"there is no type {named!r}{near(str(named), TYPES[key])}" if named else "is missing"
        raise ConfigurationError(f"{path}.type: {wrong}{'' if named else '; known are ' + ', '.join(TYPES[key])}")
    return _nested(kind, entry, path, base if type(base) is kind else None)


def _nested(kind: type, written: Any, path: str, base: Any) -> Any:
    entry = dict(_mapping(written, path))
    for key in entry.keys() & {"create", "status", "request"}:
        if kind in (ExportJob, Preparation, Polling):
            entry[key] = _nested(Request, entry[key], f"{path}.{key}", getattr(base, key, None))
    kept = {each.name: getattr(base, each.name) for each in dataclasses.fields(kind)} if base is not None else {}
    return validated(kind, {**kept, **entry}, path)


def _setting(written: Any, path: str) -> Setting:
    setting: Setting = Setting(written) if isinstance(written, str) else validated(Setting, written, path)
    return setting


def _mapping(written: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(written, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping of keys to values")
    return written
