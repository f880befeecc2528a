"""Notice signs that a source is described wrongly, so that a list seems to end, or a field seems empty.

An answer without a next page ends its list, and a record without an action is still a record: neither can be refused.
But these are reported: a full page without a next page, a path of the paging that no answer has ever had, and a field
that no record has ever had. A path that was found once is not checked again, so a correct description costs nothing.

If a path has no value, the path that was meant is guessed from the values in an answer or a record.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.ledger.health import Notice, Noticed
from audit_provider.core.records.fields import ABSENT, Extractor, all_paths_of, getter_of, keys_of, value_at
from audit_provider.core.sources.paging import NoPaging
from audit_provider.core.sources.shown import HEADER, header_of, is_header

if TYPE_CHECKING:
    from audit_provider.core.sources.paging import Way
    from audit_provider.core.sources.request import Request
    from audit_provider.core.sources.shown import Shown
    from audit_provider.core.sources.spec import SourceSpec
    from audit_provider.core.wire.answer import Answer

RECORDS_LOOKED_AT = 5
"""Number of records on each page that are searched for fields that no record has had yet."""

FULL_PAGE_KEPT = timedelta(days=7)
"""How long after the last full page without a next page the notice about it is kept."""

_ALWAYS_THERE = frozenset({"id", "time", "action"})
_LOOKED_ENOUGH = 2
_LOOKED_ENOUGH_FOR_OTHERS = 100  # many kinds of events have no object, and some no address
_SEARCHES = 3

_SIZES = frozenset(
    (
        *("limit", "size", "count", "top", "first", "max", "rows", "take", "num", "pagesize", "pagelimit", "perpage"),
        *("maxresults", "maxitems", "maxrecords", "itemsperpage", "recordsperpage", "resultsperpage"),
    )
)
"""Usual names of the parameter for the page size, in lower case and without punctuation."""

_USUAL_SIZES = frozenset((10, 20, 25, 30, 50, 100, 150, 200, 250, 300, 400, 500, 1000, 2000, 5000, 10000))
"""Usual page sizes: if the request names none, a page with one of these numbers of records counts as full."""


class PageWatch:
    """Watches the pages of one source.

    :param spec: its description.
    :param now: aware UTC.
    """

    def __init__(self, spec: SourceSpec, now: Callable[[], datetime]) -> None:
        self._spec = spec
        self._now = now
        self._paging = {f"paging {path}": path for path in spec.paging.paths if path}
        self._fields: dict[str, tuple[str, tuple[Callable[[Any], Any], ...]]] = {}
        paths: dict[str, Any] = {}
        if spec.export is None:
            for each in dataclasses.fields(spec.fields):
                alternatives = all_paths_of(getattr(spec.fields, each.name))
                if alternatives:
                    key = f"fields.{each.name} {getattr(spec.fields, each.name)}"
                    self._fields[key] = (each.name, tuple(map(getter_of, alternatives)))
                    paths |= dict.fromkeys(alternatives, Any)
        self._decode = Extractor(paths).decode
        looked_for = "; ".join(filter(None, spec.paging.paths))
        self._full = f"full page {type(spec.paging).__name__} {looked_for}".rstrip()
        self._unmet = {*self._paging, *self._fields, self._full}
        self._looked: dict[str, int] = {}
        self._near: dict[str, str] = {}
        self._notices: dict[str, Notice] = {}
        self._told: dict[str, bool] = {}
        self._searches = _SEARCHES

    def resume(self, noticed: Noticed) -> None:
        """Continue from what earlier runs have noticed, for the parts of the description that have not changed."""
        self._unmet -= set(noticed.met)
        self._looked = {key: count for key, count in noticed.looked.items() if key in self._unmet}
        self._notices = {each.key: each for each in noticed.notices if each.key in self._unmet}

    def look(self, shown: Shown, way: Way, records: Sequence[msgspec.Raw], answer: Answer, request: Request) -> None:
        """Check a page: its next page, its records, and its request."""
        if not self._unmet:
            return
        for key in self._unmet & self._paging.keys():
            if _is_there(shown, self._paging[key]):
                self._meet(key)
        if way.more:
            self._meet(self._full)
        if not records:
            return
        size = page_size(self._spec, request)
        missing = self._look_for_paths(way, records, answer, size)
        full = size and len(records) >= size
        if full and self._full in self._unmet and not (missing or way.more or way.said):
            self._note(self._full, self._about_full(size))
        if self._unmet & self._fields.keys():
            self._look_for_fields(records)

    def fresh(self) -> list[str]:
        """Return the notices that were not returned before."""
        self._conclude()
        fresh = [text for text, told in self._told.items() if not told]
        self._told |= dict.fromkeys(fresh, True)
        return fresh

    def noticed(self) -> Noticed:
        """Return what is kept for the next run."""
        self._conclude()
        since = self._now() - FULL_PAGE_KEPT
        kept = tuple(each for key, each in self._notices.items() if key != self._full or each.at >= since)
        met = {*self._paging, *self._fields, self._full} - self._unmet
        return Noticed(tuple(sorted(met)), dict(self._looked), kept)

    def _meet(self, key: str) -> None:
        self._unmet.discard(key)
        self._notices.pop(key, None)
        self._looked.pop(key, None)

    def _note(self, key: str, text: str, *, grave: bool = True) -> None:
        self._notices[key] = Notice(key, text, self._now(), "warning" if grave else "info")
        self._told.setdefault(text, False)

    def _about_full(self, size: int) -> str:
        title = self._spec.title
        if isinstance(self._spec.paging, NoPaging):
            return (
                f"{title} answered with a full page ({size} records), and the source has no paging, so later records "
                "are not read: describe in its paging how to find the next page."
            )
        return (
            f"{title} answered with a full page ({size} records) without a next page, and no page has had a next page "
            "so far: check the paths in the source's paging."
        )

    def _look_for_paths(self, way: Way, records: Sequence[msgspec.Raw], answer: Answer, size: int) -> bool:
        """Note the paths of the paging that no answer has had, if something suggests that there is a next page.

        :return: whether there is a notice of such a path.
        """
        missing = [key for key in self._paging if key in self._unmet]
        if not missing:
            return False
        full = len(records) >= size if size else len(records) in _USUAL_SIZES
        there: dict[str, Any] = {}
        if self._searches:
            self._searches -= 1
            if self._spec.records_at:
                there = paths_of(answer.body, self._spec.records_at)
        for key in missing:
            path = self._paging[key]
            meant = self._near.get(key) or self._meant(path, there, answer.headers)
            if not meant and not way.more and not self._spec.confidence:
                # A description with a stated basis is not doubted because a name looks like that of a cursor.
                meant = way_on(there, answer.headers, list(self._paging.values()))
            if meant or full:
                self._near[key] = meant
                hint = f"did you mean {meant!r}?" if meant else "check that path."
                self._note(
                    key,
                    f"no answer of {self._spec.title} has had anything at {path!r} so far, where its paging looks for "
                    f"the next page: {hint}",
                )
        return any(key in self._notices for key in missing)

    def _meant(self, path: str, there: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        if is_header(path):
            return near_path(path, {f"{HEADER} {name}": "" for name in headers})
        named = header_meant(path)
        return named if named and named[len(HEADER) :].strip() in headers else near_path(path, there)

    def _look_for_fields(self, records: Sequence[msgspec.Raw]) -> None:
        step = max(1, len(records) // RECORDS_LOOKED_AT)
        for record in records[::step][:RECORDS_LOOKED_AT]:
            missing = self._unmet & self._fields.keys()
            try:
                found = self._decode(record)
            except UNREADABLE:
                continue
            for key in missing:
                if any(get(found) is not ABSENT for get in self._fields[key][1]):
                    self._meet(key)
                    continue
                self._looked[key] = self._looked.get(key, 0) + 1
                if key not in self._near:
                    there = paths_of(bytes(record))
                    paths = all_paths_of(key.partition(" ")[2])
                    self._near[key] = next(filter(None, (near_path(path, there) for path in paths)), "")

    def _conclude(self) -> None:
        """Note the fields that were absent from enough records."""
        for key in self._looked.keys() & self._near.keys():
            name, _, path = key.partition(" ")
            near, always = self._near[key], self._fields[key][0] in _ALWAYS_THERE
            if self._looked[key] < (_LOOKED_ENOUGH if always or near else _LOOKED_ENOUGH_FOR_OTHERS):
                continue
            hint = f"did you mean {near!r}?" if near else "correct it, or remove it."
            text = f"no record of {self._spec.title} has had anything at {path!r} ({name}) so far: {hint}"
            self._note(key, text, grave=always or bool(near))


def page_size(spec: SourceSpec, request: Request) -> int:
    """Return how many records a request asks for at most; 0 if it does not say."""
    names = frozenset({spec.page_size.key}) if spec.page_size else frozenset()
    return next(chain(_sizes(request.params, names), _sizes(request.body or {}, names)), 0)


def _sizes(content: Mapping[str, Any], names: frozenset[str]) -> Iterator[int]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _sizes(value, names)
        elif (name in names or (not names and _folded(name) in _SIZES)) and str(value).isdecimal() and int(value):
            yield int(value)


def _is_there(shown: Shown, path: str) -> bool:
    try:
        return shown.at(path) is not ABSENT
    except ProtocolError:
        return False  # hidden, and not read by this style of paging


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
    """Return every scalar of a JSON object by its dotted path, except those in lists.

    :param without: the path of a value that is skipped, such as the records.
    """
    found: dict[str, Any] = {}
    for path, value in _scalars(body, (), tuple(keys_of(without)), _DEPTH):
        if len(found) == _MOST_PATHS:
            break
        found[path] = value
    return found


def header_meant(path: str) -> str:
    """Return the header form of a path such as ``headers.NextPageToken``; "" if it is not such a path."""
    named = _AS_HEADERS.fullmatch(path)
    form = f"{HEADER} {named[1]}" if named else ""
    return form if header_of(form) else ""


def near_path(path: str, there: Mapping[str, Any]) -> str:
    """Return the path among ``there`` that differs only a little from ``path``; "" if there is none."""
    wanted = [_folded(key) for key in keys_of(path)]
    for each in there:
        keys = [_folded(key) for key in keys_of(each)]
        if len(keys) == len(wanted) and all(map(_is_close, keys, wanted)):
            return each
    return ""


def records_elsewhere(found: Any, time_paths: Sequence[str], depth: int = _DEPTH) -> str:
    """Return the path of a list in an answer whose first object has one of these times; "" if there is none."""
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
    """Return the key that reports a fault in an answer without records; "" if there is none.

    :param path: path of the records; each object on the way to them is searched.
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
    """Return the path or header whose name looks like that of a cursor to the next page; "" if there is none.

    :param there: scalars of an answer by their path. :param known: paths that the paging reads already.
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
            continue  # no path can name an empty key
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
