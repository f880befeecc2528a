"""What a style of paging is: it reads the way to the next page from an answer, and puts it into the next request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

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
    :ivar cut: the answer itself says that it is not whole, and nothing leads to the rest.
    :ivar said: the answer itself says that the list ends here; else it is concluded from what is absent or empty.
    """

    cursor: str
    more: bool
    total: int | None = None
    said: bool = False
    cut: bool = False


class Paging(Protocol):
    """A style of paging."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths, and headers, that :meth:`read` looks at; "" where a setting is not made."""

    def read(self, shown: Shown) -> Way:
        """Return the way on.

        :raises ProtocolError: it cannot be followed.
        """

    def apply(self, call: Call, cursor: str) -> Call:
        """Return the call for the page that ``cursor`` leads to."""
