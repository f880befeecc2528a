"""How a list goes on after a page: every style met in the catalogue, as values.

Each reads from an answer a cursor, a text that means something to this module alone, and puts it into the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec
from requests.utils import parse_header_links

from audit_provider.core.errors import ProtocolError

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Call:
    """A request about to be sent: texts filled in, the cursor still to come."""

    method: str
    path: str
    params: dict[str, Any]
    body: dict[str, Any] | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page's answer shows of the way on.

    :ivar value: what stands at one of the paging's ``paths``, UNSET where that is absent.
    :ivar ids: of the page's events, in its order. :ivar asked: the cursor that it was asked with.
    :ivar base_url: of the service. :ivar where: the request, for messages.
    """

    value: Callable[[str], Any]
    headers: Mapping[str, str]
    ids: Sequence[str]
    asked: str
    base_url: str
    where: str


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
        cursor = _text(shown.value(self.cursor_at))
        if self.ends_when_empty:
            return Way(cursor, more=bool(cursor and shown.ids))
        more = shown.value(self.more_at) if self.more_at else None
        return Way(cursor, more=bool(cursor) if more in (msgspec.UNSET, None) else bool(more))

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        if self.sent_in == "query":
            return replace(call, params={**call.params, self.param: cursor})
        return replace(call, body=_with(call.body or {}, self.param.split("."), cursor))


@dataclass(frozen=True, slots=True)
class NextUrlPaging:
    """The answer holds the next page's URL, absolute or relative. :ivar url_at: its dotted path."""

    url_at: str

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.url_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        url = shown.value(self.url_at)
        if not isinstance(url, str) or not url:
            return Way("", more=False)
        return Way(local_url(url, shown), more=True)

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
        links = parse_header_links(shown.headers.get("Link", ""))
        link = next((each for each in links if each.get("rel", "").lower() == "next" and each.get("url")), None)
        if link is None:
            return Way("", more=False)
        more = not (self.ends_when_empty and not shown.ids)
        if self.results and link.get("results", "").lower() != "true":
            more = False
        return Way(local_url(link["url"], shown), more=more)

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
        total = _count(shown.value(self.total_at)) if self.total_at else None
        if self.next_at:
            following = _text(shown.value(self.next_at))
            return Way(following, more=bool(following), total=total)
        flag = shown.value(self.more_at) if self.more_at else None
        more = bool(shown.ids) if flag in (msgspec.UNSET, None) else bool(flag)
        return Way(str(int(shown.asked or self.first) + 1) if more else "", more=more, total=total)

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
        reached = int(shown.asked or 0) + len(shown.ids)
        total = _count(shown.value(self.total_at)) if self.total_at else None
        more = bool(shown.ids) and (total is None or reached < total)
        return Way(str(reached) if more else "", more=more, total=total)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


@dataclass(frozen=True, slots=True)
class ObjectIdPaging:
    """The id of the page's last record is the cursor.

    :ivar param: name it is sent under. :ivar more_at: dotted path of what is true, or not null, where there is more.
    """

    param: str
    more_at: str

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`Paging`."""
        return (self.more_at,)

    def read(self, shown: Shown) -> Way:
        """See :class:`Paging`."""
        more = shown.value(self.more_at) not in (msgspec.UNSET, None, False, "")
        return Way(shown.ids[-1] if shown.ids else "", more=more and bool(shown.ids))

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`Paging`."""
        return replace(call, params={**call.params, self.param: cursor})


def local_url(url: str, shown: Shown) -> str:
    """Return path and query of a URL that an answer gave, if it leads to the same scheme, host and port.

    :raises ProtocolError: it leads elsewhere, where the credential must not go.
    """
    base = urlsplit(shown.base_url)
    asked = f"{shown.base_url}{shown.asked}" if shown.asked.startswith("/") else f"{shown.base_url}/"
    target = urlsplit(urljoin(asked, url))
    try:
        same = _origin(target) == _origin(base) and target.username is None
    except ValueError:
        same = False
    if not same:
        raise ProtocolError(
            f"{shown.where} gave a next page on another host ({target.hostname}), which is not followed: set the "
            f"connection's host to the one that the API names."
        )
    prefix = base.path.rstrip("/")
    path = target.path.removeprefix(prefix) if target.path.startswith(f"{prefix}/") else target.path
    return f"{path or '/'}?{target.query}" if target.query else path or "/"


def _origin(parts: Any) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _with(body: Mapping[str, Any], keys: Sequence[str], value: str) -> dict[str, Any]:
    key, *rest = keys
    inner = body.get(key)
    return {**body, key: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}
