"""How to find the next page: every type of paging in the catalogue, as values.

Each type reads a cursor from an answer and puts it into the next request. A cursor is a text that only this module
understands. :mod:`~audit_provider.core.sources.shown` decides what ends a list, and what is an error instead. A path
may also name a header of the answer, as in ``header: x-next-page``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from audit_provider.core.errors import LostPageError, ProtocolError
from audit_provider.core.records.fields import whole_number
from audit_provider.core.sources.request import Call, Paging, Way

# Imported at run time too, because the pipelines file is validated by these annotations.
from audit_provider.core.sources.shown import End

if TYPE_CHECKING:
    from audit_provider.core.sources.shown import Shown

__all__ = [
    "Call",
    "CursorPaging",
    "LinkPaging",
    "NextUrlPaging",
    "NoPaging",
    "ObjectIdPaging",
    "OffsetPaging",
    "PagePaging",
    "Paging",
    "Way",
]

# Settings that say where a list ends are left out of ``repr``, from which the key of a kept cursor is made: the cursor
# stays valid if one of these settings is changed.

MOST_REPEATS = 2
"""How many repeats of the last page in a row mean the end of the list."""


@dataclass(frozen=True, slots=True)
class NoPaging:
    """Every answer is whole, or says that it is not.

    :ivar cut_at: Dotted path of a flag, or of a cursor, that is there if the answer is not whole: a window is then
        halved. Example: ``has_more``.
    """

    cut_at: str = field(default="", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.cut_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        if not self.cut_at:
            return Way("", more=False)
        cut, _ = shown.more(self.cut_at)
        return Way("", more=False, said=shown.at(self.cut_at) is False, cut=cut)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return call


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """The answer contains a cursor for the next page.

    :ivar param: Name of the parameter for the cursor; in a body, a dotted path. Example: ``cursor``.
    :ivar cursor_at: Dotted path of the cursor in an answer, or ``header: <name>``. Example: ``meta.next_cursor``.
    :ivar more_at: Dotted path of a flag that says whether there are more pages. Default: only the cursor says it.
        Example: ``has_more``.
    :ivar sent_in: Where the cursor is sent: ``query`` or ``body`` (JSON).
    :ivar ends_when_empty: The cursor never ends; an empty page means that there are no more events for now.
    :ivar ends_at: Values at ``cursor_at`` that mean the end. They are compared as text. Example: ``[0, -1]``.
    :ivar ends_when_same: At the end, the answer repeats the cursor of the request.
    :ivar joined_by: What joins the values of a cursor that is a list, such as ``,``. Default: a list is no cursor.
    """

    param: str
    cursor_at: str
    more_at: str = ""
    sent_in: Literal["query", "body"] = "query"
    ends_when_empty: bool = False
    ends_at: tuple[End, ...] = field(default=(), repr=False)
    ends_when_same: bool = field(default=False, repr=False)
    joined_by: str = field(default="", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return self.cursor_at, self.more_at

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        cursor = shown.cursor(self.cursor_at, self.ends_at, self.joined_by)
        more = shown.flag(self.more_at)
        if self.ends_when_same and cursor and cursor == shown.asked and not more:
            return Way(cursor, more=False, said=True)
        if self.ends_when_empty:
            return Way(cursor, more=bool(cursor and shown.ids))
        said = more is False or shown.ends(self.cursor_at, self.ends_at)
        return Way(cursor, more=bool(cursor) if more is None else more, said=said)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        if self.sent_in == "query":
            return replace(call, params={**call.params, self.param: cursor})
        return replace(call, body=_with(call.body or {}, self.param.split("."), cursor))


@dataclass(frozen=True, slots=True)
class NextUrlPaging:
    """The answer contains the next page's URL, absolute or relative.

    :ivar url_at: Dotted path of the URL, or of an object with the URL at ``href``. Example: ``links.next``.
    :ivar ends_at: Values at ``url_at`` that mean the end. They are compared as text. Example: ``[none]``.
    :ivar ends_when_same: At the end, the answer repeats the URL of the request.
    :ivar hosts: Other names that the API uses for its host in URLs, for example behind a proxy. The next request still
        goes to the connection's address. Example: ``[api.internal.example]``.
    :ivar before: Parameter of the URL that holds the time of the page's last record, in milliseconds, if the next page
        leaves out all records of that time. One is added to it, so that they are not skipped. Example: ``before``.
    """

    url_at: str
    ends_at: tuple[End, ...] = field(default=(), repr=False)
    ends_when_same: bool = field(default=False, repr=False)
    hosts: tuple[str, ...] = field(default=(), repr=False)
    before: str = field(default="", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.url_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        url = shown.url(self.url_at, self.ends_at)
        if not url:
            return Way("", more=False, said=shown.ends(self.url_at, self.ends_at))
        local = shown.local(url, self.hosts)
        same = self.ends_when_same and local == shown.asked
        if self.before and (later := self._with_ties(local)) != shown.asked:
            local = later
        return Way(local, more=not same, said=same)

    def _with_ties(self, url: str) -> str:
        pattern = rf"([?&]{re.escape(self.before)}=)(\d+)(?=&|$)"
        return re.sub(pattern, lambda match: f"{match[1]}{int(match[2]) + 1}", url)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, path=cursor, params={})


@dataclass(frozen=True, slots=True)
class LinkPaging:
    """The ``Link`` header contains the next page's URL (RFC 8288).

    :ivar ends_when_empty: The link never ends; an empty page means that there are no more events for now.
    :ivar results: The link is always present, and its ``results`` attribute says whether there is a next page.
    :ivar ends_when_same: At the end, the link leads to the requested page itself.
    :ivar hosts: Other names that the API uses for its host in links, for example behind a proxy. The next request still
        goes to the connection's address. Example: ``[api.internal.example]``.
    """

    ends_when_empty: bool = False
    results: bool = False
    ends_when_same: bool = field(default=False, repr=False)
    hosts: tuple[str, ...] = field(default=(), repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return ()

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        link = next((each for each in shown.links() if "next" in each.relations), None)
        if link is None:
            return Way("", more=False)
        if self.results and link.params.get("results", "").lower() != "true":
            more, said = False, link.params.get("results", "").lower() == "false"
        else:
            more, said = not (self.ends_when_empty and not shown.ids), False
        if not link.target:
            if not more:
                return Way("", more=False, said=said)
            raise ProtocolError(f"{shown.where} links to a next page without an address, so the rest cannot be read.")
        local = shown.local(link.target, self.hosts)
        if self.ends_when_same and local == shown.asked:
            more, said = False, True
        return Way(local, more=more, said=said)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, path=cursor, params={})


@dataclass(frozen=True, slots=True)
class PagePaging:
    """Pages have numbers. Without another sign, only an empty page is the end, because a short page proves nothing.

    :ivar param: Name of the parameter for the page number; in a body, a dotted path. Example: ``page``.
    :ivar first: Number of the first page.
    :ivar more_at: Dotted path of a flag that says whether there are more pages. Example: ``has_more``.
    :ivar next_at: Dotted path of the next page's number, or ``header: <name>``. Example: ``header: x-next-page``.
    :ivar total_at: Dotted path of the number of all records. If it shrinks during a scan, rows have moved up. Example:
        ``total``.
    :ivar pages_at: Dotted path of the number of pages, which is not the number of the last page. Example:
        ``total_pages``.
    :ivar ends_at: Values at ``next_at`` that mean the end. They are compared as text. Example: ``[0, -1]``.
    :ivar ends_when_same: After the last page, the last page is served again, record by record. It is requested twice,
        so that rows that moved while the list was read are not mistaken for the end.
    :ivar sent_in: Where the page number is sent: ``query`` or ``body`` (JSON, as a number).
    """

    param: str
    first: int = 1
    more_at: str = ""
    next_at: str = ""
    total_at: str = ""
    pages_at: str = field(default="", repr=False)
    ends_at: tuple[End, ...] = field(default=(), repr=False)
    ends_when_same: bool = field(default=False, repr=False)
    sent_in: Literal["query", "body"] = field(default="query", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return self.more_at, self.next_at, self.total_at, self.pages_at

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        total = shown.count(self.total_at)
        if self.next_at:
            following = shown.cursor(self.next_at, self.ends_at)
            if self.ends_when_same and following and following == (shown.asked or str(self.first)):
                return Way("", more=False, total=total, said=True)
            said = shown.ends(self.next_at, self.ends_at)
            return Way(following, more=bool(following), total=total, said=said)
        number = shown.asked_number(self.first)
        more, said = self._more(shown, number)
        return Way(str(number + 1) if more else "", more=more, total=total, said=said)

    def _more(self, shown: Shown, number: int) -> tuple[bool, bool]:
        """Return whether another page follows, and whether the answer itself says that none does."""
        flag = shown.flag(self.more_at)
        if flag is not None:
            return flag, not flag
        pages = shown.count(self.pages_at)
        if pages == 0 and shown.ids:
            raise ProtocolError(
                f"{shown.where} has no pages according to {self.pages_at!r}, but has records, so the rest cannot be "
                "read: set paging.pages_at to the path of the number of pages, not of the last page's number."
            )
        if pages is not None:
            more = number - self.first + 1 < pages
            return more, not more
        if self.ends_when_same and shown.repeats >= MOST_REPEATS:
            return False, True
        return bool(shown.ids), False

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return _numbered(call, self.param, cursor, self.sent_in)


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """The next page begins after a number of records.

    :ivar param: Name of the parameter for the number of records to skip; in a body, a dotted path. Example: ``offset``.
    :ivar total_at: Dotted path of the number of records that the request selects, on all pages; an empty page before
        the last of them is an error. Default: an empty page is the end. Example: ``total``.
    :ivar ends_when_same: After the last page, the last page is served again, record by record. It is requested twice,
        so that rows that moved while the list was read are not mistaken for the end.
    :ivar sent_in: Where the number is sent: ``query`` or ``body`` (JSON, as a number).
    """

    param: str
    total_at: str = ""
    ends_when_same: bool = field(default=False, repr=False)
    sent_in: Literal["query", "body"] = field(default="query", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.total_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        reached = shown.asked_number(0) + len(shown.ids)
        total = shown.count(self.total_at)
        if total is not None and total > reached and not shown.ids:
            raise LostPageError(
                f"{shown.where} has no records behind the first {reached:,}, although there are {total:,} in all "
                f"according to {self.total_at!r}, so the rest cannot be read: if that is not the number of records "
                "that the request selects, unset paging.total_at of the source."
            )
        # A total below the number of records read does not count all of them, or rows were removed. Then only an empty
        # page is the end.
        more = bool(shown.ids) and reached != total
        if self.ends_when_same and shown.repeats >= MOST_REPEATS:
            more = False
        return Way(str(reached) if more else "", more=more, total=total)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return _numbered(call, self.param, cursor, self.sent_in)


@dataclass(frozen=True, slots=True)
class ObjectIdPaging:
    """The id of the page's last record is the cursor.

    A page without records has no such id. There the vendor's own cursor is used, if the answer contains one.

    :ivar param: Name of the parameter for the id. Example: ``after``.
    :ivar more_at: Dotted path of a flag that is true if there are more pages, or of a cursor that exists only then.
        Default: an empty page is the end. Example: ``has_more``.
    :ivar ends_at: Values at ``more_at`` that mean the end. They are compared as text. Example: ``[0, -1]``.
    :ivar ends_when_same: At the end, the last record of the page is the one that the request named.
    """

    param: str
    more_at: str = ""
    ends_at: tuple[End, ...] = field(default=(), repr=False)
    ends_when_same: bool = field(default=False, repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.more_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        if not self.more_at:
            return self._by_records(shown)
        more, cursor = shown.more(self.more_at, self.ends_at)
        if self.ends_when_same and cursor and shown.asked in (cursor, shown.last_id):
            return Way(shown.last_id or cursor, more=False, said=True)
        if more and not shown.last_id and not cursor:
            raise ProtocolError(
                f"{shown.where} says at {self.more_at!r} that there is more, but has neither a record with an id nor a "
                "cursor, so the rest cannot be read: use another type of paging."
            )
        return Way(shown.last_id or cursor, more=more, said=shown.at(self.more_at) is False)

    def _by_records(self, shown: Shown) -> Way:
        if shown.ids and not shown.last_id:
            raise ProtocolError(
                f"{shown.where} has records without an id, and the last one has no id to continue from, so the rest "
                "cannot be read: correct 'fields.id' of the source, or use another type of paging."
            )
        same = self.ends_when_same and bool(shown.last_id) and shown.last_id == shown.asked
        return Way(shown.last_id, more=bool(shown.ids) and not same, said=same)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


def _numbered(call: Call, param: str, number: str, sent_in: Literal["query", "body"]) -> Call:
    """Return the call with the number of a page or of records; in a body as a number, because GraphQL refuses a text.

    A cursor that is not a number is sent as the vendor gave it.
    """
    if sent_in == "query":
        return replace(call, params={**call.params, param: number})
    found = whole_number(number)
    return replace(call, body=_with(call.body or {}, param.split("."), number if found is None else found))


def _with(body: Mapping[str, Any], keys: Sequence[str], value: str | int) -> dict[str, Any]:
    key, *rest = keys
    inner = body.get(key)
    return {**body, key: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}
