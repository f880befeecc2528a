"""How a list goes on after a page: every style met in the catalogue, as values.

Each reads from an answer a cursor, a text that means something to this module alone, and puts it into the next request.
What ends a list, and what is an error instead, :mod:`~audit_provider.core.sources.shown` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from audit_provider.core.errors import ProtocolError
from audit_provider.core.sources.link_header import links_of

if TYPE_CHECKING:
    from audit_provider.core.sources.shown import Shown


@dataclass(frozen=True, slots=True)
class Call:
    """A request about to be sent: texts filled in, the cursor still to come."""

    method: str
    path: str
    params: dict[str, Any]
    body: dict[str, Any] | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """The way on.

    :ivar cursor: "" where none was given. :ivar more: another page follows now.
    :ivar total: of all records, where the vendor says it.
    """

    cursor: str
    more: bool
    total: int | None = None


class Paging(Protocol):
    """A style of paging."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths that :meth:`read` looks at."""

    def read(self, shown: Shown) -> Way:
        """Return the way on.

        :raises ProtocolError: it cannot be followed.
        """

    def apply(self, call: Call, cursor: str) -> Call:
        """Return the call for the page that ``cursor`` leads to."""


@dataclass(frozen=True, slots=True)
class NoPaging:
    """Every answer is whole."""

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return ()

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        return Way("", more=False)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return call


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """The answer holds a cursor for the next page.

    :ivar param: name the cursor is sent under; in a body it may be a dotted path. :ivar sent_in: query or JSON body.
    :ivar cursor_at: dotted path of the cursor in an answer.
    :ivar more_at: dotted path of a flag that says whether there is more; "" where only the cursor tells.
    :ivar ends_when_empty: the cursor goes on for ever; an empty page is the end for now.
    """

    param: str
    cursor_at: str
    more_at: str = ""
    sent_in: Literal["query", "body"] = "query"
    ends_when_empty: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return self.cursor_at, self.more_at

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        cursor = shown.cursor(self.cursor_at)
        if self.ends_when_empty:
            return Way(cursor, more=bool(cursor and shown.ids))
        more = shown.flag(self.more_at)
        return Way(cursor, more=bool(cursor) if more is None else more)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        if self.sent_in == "query":
            return replace(call, params={**call.params, self.param: cursor})
        return replace(call, body=_with(call.body or {}, self.param.split("."), cursor))


@dataclass(frozen=True, slots=True)
class NextUrlPaging:
    """The answer holds the next page's URL, absolute or relative.

    :ivar url_at: its dotted path, or that of an object with the URL at ``href``.
    """

    url_at: str

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.url_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        url = shown.url(self.url_at)
        return Way(shown.local(url), more=True) if url else Way("", more=False)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, path=cursor, params={})


@dataclass(frozen=True, slots=True)
class LinkPaging:
    """The ``Link`` header holds the next page's URL (RFC 8288).

    :ivar ends_when_empty: the link goes on for ever; an empty page is the end for now.
    :ivar results: the link stands there always, and its ``results`` attribute says whether it leads to anything.
    """

    ends_when_empty: bool = False
    results: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return ()

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        links = links_of(shown.headers.get("Link", ""), shown.where)
        link = next((each for each in links if "next" in each.relations and each.url), None)
        if link is None:
            return Way("", more=False)
        more = not (self.ends_when_empty and not shown.ids)
        if self.results and link.parameters.get("results", "").lower() != "true":
            more = False
        return Way(shown.local(link.url), more=more)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, path=cursor, params={})


@dataclass(frozen=True, slots=True)
class PagePaging:
    """Pages have numbers. Without ``more_at`` and ``next_at`` an empty page is the end, for a short one proves nothing.

    :ivar param: name the number is sent under. :ivar first: number of the first page.
    :ivar more_at: dotted path of a flag. :ivar next_at: dotted path of the next page's number.
    :ivar total_at: dotted path of the number of all records: if it shrinks during a scan, rows have moved up.
    """

    param: str
    first: int = 1
    more_at: str = ""
    next_at: str = ""
    total_at: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return self.more_at, self.next_at, self.total_at

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        total = shown.count(self.total_at)
        if self.next_at:
            following = shown.cursor(self.next_at)
            return Way(following, more=bool(following), total=total)
        flag = shown.flag(self.more_at)
        more = bool(shown.ids) if flag is None else flag
        return Way(str(shown.asked_number(self.first) + 1) if more else "", more=more, total=total)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """The next page begins after so many records.

    :ivar param: name the count is sent under. :ivar total_at: dotted path of the number of all records; without it an
        empty page is the end.
    """

    param: str
    total_at: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.total_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        reached = shown.asked_number(0) + len(shown.ids)
        total = shown.count(self.total_at)
        more = bool(shown.ids) and (total is None or reached < total)
        return Way(str(reached) if more else "", more=more, total=total)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


@dataclass(frozen=True, slots=True)
class ObjectIdPaging:
    """The id of the page's last record is the cursor.

    A page without records has no such id: there the vendor's own cursor leads on, if it gives one.

    :ivar param: name it is sent under.
    :ivar more_at: dotted path of what is true where there is more, or of a cursor that is there only then.
    """

    param: str
    more_at: str

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.more_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        more, cursor = shown.more(self.more_at)
        if more and not shown.last_id and not cursor:
            raise ProtocolError(
                f"{shown.where} says at {self.more_at!r} that there is more, but neither a record with an id nor a "
                f"cursor leads on, so the rest cannot be read: use another style of paging."
            )
        return Way(shown.last_id or cursor, more=more)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


def _with(body: Mapping[str, Any], keys: Sequence[str], value: str) -> dict[str, Any]:
    key, *rest = keys
    inner = body.get(key)
    return {**body, key: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}
