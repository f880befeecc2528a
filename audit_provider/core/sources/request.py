"""A request as a vendor documents it, and the protocol of a type of paging, which finds the next request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from audit_provider.core.text.templates import filled, names_in

if TYPE_CHECKING:
    from audit_provider.core.sources.shown import Shown


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the vendor documents it.

    ``{start}`` and ``{end}`` in a text of ``params`` or ``body`` are replaced by the bounds of the time range, other
    names in braces by the source's settings. A list in ``params`` sends its key once per value.

    :ivar method: ``GET`` or ``POST``.
    :ivar path: Path on the host; settings in braces are replaced. Example: ``/v1/{organization}/events``.
    :ivar params: Query parameters. Example: ``{from: "{start}", to: "{end}", limit: 100}``.
    :ivar body: Body, sent as JSON. Default: no body. Example: ``{filter: {since: "{start}"}}``.
    :ivar headers: Additional headers. Example: ``{X-Api-Version: "2"}``.
    """

    method: Literal["GET", "POST"]
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def takes_end(self) -> bool:
        """Whether it has an upper bound of time; without one, each answer reaches to the end of the log."""
        return "end" in names_in(self.params) | names_in(self.body)

    def filled(self, values: Mapping[str, str]) -> Request:
        """Return the request with values in place of their names; in the path they are quoted."""
        return replace(
            self,
            path=filled(self.path, values, quoted=True),
            params=filled(self.params, values),
            body=filled(self.body, values),
            headers=filled(self.headers, values),
        )

    def with_page_size(self, key: str, size: int) -> Request:
        """Return the request for pages of ``size``, or unchanged if it does not hold ``key``."""
        if self.body is not None and (changed := _replaced(self.body, key, size)) != self.body:
            return replace(self, body=changed)
        return replace(self, params={**self.params, key: size}) if key in self.params else self


def _replaced(body: Any, key: str, size: int) -> Any:
    if not isinstance(body, Mapping):
        return body
    return {name: size if name == key else _replaced(value, key, size) for name, value in body.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """A request about to be sent, with its texts filled in, but not yet the cursor."""

    method: str
    path: str
    params: dict[str, Any]
    body: dict[str, Any] | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """What an answer says about the next page.

    :ivar cursor: "" if none was given. :ivar more: another page follows now.
    :ivar total: number of all records, if the vendor says it.
    :ivar cut: the answer itself says that it is not whole, and nothing leads to the rest.
    :ivar said: the answer itself says that the list ends here; otherwise an absent or empty value implies it.
    """

    cursor: str
    more: bool
    total: int | None = None
    said: bool = False
    cut: bool = False


class Paging(Protocol):
    """A type of paging."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths, and headers, that :meth:`read` looks at; "" for a setting that is not used."""

    def read(self, shown: Shown) -> Way:
        """Return what the answer says about the next page.

        :raises ProtocolError: the next page cannot be found.
        """

    def apply(self, call: Call, cursor: str) -> Call:
        """Return the call for the page that ``cursor`` leads to."""
