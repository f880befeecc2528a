"""A source is a value: what to ask, where the records are, how to read on. One loop reads all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.model import Fields
    from audit_provider.core.rate_limit import RateLimit
    from audit_provider.core.sources.reading.base import Reading


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the vendor documents it.

    ``{start}`` and ``{end}`` in a text of ``params`` or ``body`` stand for the window's bounds.

    :ivar body: sent as JSON; None sends none.
    """

    method: Literal["GET", "POST"]
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """The answer holds a cursor for the next page.

    :ivar param: name the cursor is sent under. :ivar sent_in: query or JSON body.
    :ivar cursor_at: dotted path of the cursor in an answer.
    :ivar more_at: dotted path of a flag that says whether there is more; "" where only the cursor tells.
    """

    param: str
    cursor_at: str
    more_at: str = ""
    sent_in: Literal["query", "body"] = "query"


@dataclass(frozen=True, slots=True)
class Probe:
    """The request that proves a credential.

    :ivar shows: dotted paths of what to show the person who pressed Test.
    """

    path: str
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One audit-log API.

    :ivar title: the name people use. :ivar docs: the vendor's page.
    :ivar base_url: default host; a connection's host overrides it. :ivar regions: other hosts, by name.
    :ivar request: the page request. :ivar fallback: the same, in the shape to try where it is refused.
    :ivar reading: how to read on without loss. :ivar records_at: dotted path of the records.
    :ivar records_may_be_absent: an answer without that path is an empty page, as this vendor sends it.
    :ivar hints: the vendor's error code, or HTTP status, to what a person should do.
    :ivar page_size_key: what the page size is called, :ivar page_size_limit: the vendor's largest.
    :ivar recovery: name of the source over the same log that reads by time, where this one cannot.
    """

    name: str
    title: str
    docs: str
    base_url: str
    request: Request
    reading: Reading
    paging: CursorPaging
    records_at: str
    fields: Fields
    rate_limit: RateLimit
    probe: Probe
    regions: Mapping[str, str] = field(default_factory=dict)
    fallback: Request | None = None
    records_may_be_absent: bool = False
    errors_at: str = ""
    code_at: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    recovery: str = ""
    page_size_key: str = "limit"
    page_size_limit: int = 1000

    def with_page_size(self, size: int) -> SourceSpec:
        """Return the source asking for pages of ``size`` events."""
        request = _with_page_size(self.request, self.page_size_key, size)
        fallback = _with_page_size(self.fallback, self.page_size_key, size) if self.fallback else None
        return replace(self, request=request, fallback=fallback)


def _with_page_size(request: Request, key: str, size: int) -> Request:
    if request.body is not None and key in request.body:
        return replace(request, body={**request.body, key: size})
    return replace(request, params={**request.params, key: size})
