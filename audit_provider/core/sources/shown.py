"""What an answer shows of the way to the next page, read strictly: a list ends only where the vendor says so.

Absent, null, false and an empty text say that there is nothing more. Anything else of a type that is not expected is an
error: taken for the end, it would close the window, and the events behind it would never be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from audit_provider.core.errors import ProtocolError
from audit_provider.core.fields import is_absent

_MOST_DIGITS = 18
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page's answer shows of the way on.

    :ivar value: what stands at one of the paging's ``paths``, UNSET where that is absent; refuses a container of the
        wrong type.
    :ivar ids: of the page's events, in its order. :ivar asked: the cursor that it was asked with.
    :ivar base_url: of the service, :ivar path: of the first page's request. :ivar where: the request, for messages.
    :ivar last_id: the vendor's own id of the page's last record, "" where it has none.
    """

    value: Callable[[str], Any]
    headers: Mapping[str, str]
    ids: Sequence[str]
    asked: str
    base_url: str
    path: str
    where: str
    last_id: str = ""

    def cursor(self, path: str) -> str:
        """Return the cursor at ``path``, a text or a whole number; "" where there is none.

        :raises ProtocolError: something else stands there.
        """
        return self._cursor(self.value(path), path)

    def url(self, path: str) -> str:
        """Return the URL at ``path``, or at the ``href`` of an object there; "" where there is none.

        :raises ProtocolError: something else stands there.
        """
        found = self.value(path)
        if isinstance(found, dict) and "href" in found:
            found, path = found["href"], f"{path}.href"
        if is_absent(found):
            return ""
        if not isinstance(found, str):
            raise self._unexpected(path, found, "a URL")
        return found

    def flag(self, path: str) -> bool | None:
        """Return the flag at ``path``; None where it is absent or null.

        :raises ProtocolError: something else stands there.
        """
        found = self.value(path) if path else None
        if found is True or found is False:
            return found
        if is_absent(found):
            return False if found == "" else None
        raise self._unexpected(path, found, "true or false")

    def more(self, path: str) -> tuple[bool, str]:
        """Return whether what stands at ``path``, a flag or a cursor, says that there is more; and the cursor, if any.

        :raises ProtocolError: something else stands there.
        """
        found = self.value(path)
        if found is True:
            return True, ""
        cursor = self._cursor(found, path)
        return bool(cursor), cursor

    def count(self, path: str) -> int | None:
        """Return the count at ``path``, a whole number or its text; None where there is none.

        :raises ProtocolError: something else stands there.
        """
        found = self.value(path) if path else None
        if is_absent(found):
            return None
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= _MOST_DIGITS:
            return int(found)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self._unexpected(path, found, "a number")
        return found

    def asked_number(self, first: int) -> int:
        """Return the number that the page was asked with.

        :param first: where it was asked with none.
        :raises ProtocolError: the cursor is none, as where a position was kept by another style of paging.
        """
        if not self.asked:
            return first
        if not (self.asked.isascii() and self.asked.isdigit() and len(self.asked) <= _MOST_DIGITS):
            raise ProtocolError(
                f"{self.where} was asked with a cursor that is no number, so the rest cannot be read: delete the "
                f"position's Variable to begin anew."
            )
        return int(self.asked)

    def local(self, url: str) -> str:
        """Return path and query of a URL that the answer gave, if it leads to the same scheme, host and port.

        :raises ProtocolError: it leads elsewhere, where the credential must not go.
        """
        base = urlsplit(self.base_url)
        try:
            target = urlsplit(urljoin(f"{self.base_url}{self.asked or self.path}", url))
            same = _origin(target) == _origin(base) and target.username is None
        except ValueError:
            raise ProtocolError(f"{self.where} gave a next page at an address that is none.") from None
        if not same:
            raise ProtocolError(
                f"{self.where} gave a next page on another host ({target.hostname}), which is not followed: set the "
                f"connection's host to the one that the API names."
            )
        prefix = base.path.rstrip("/")
        path = target.path.removeprefix(prefix) if target.path.startswith(f"{prefix}/") else target.path
        return f"{path or '/'}?{target.query}" if target.query else path or "/"

    def _cursor(self, found: Any, path: str) -> str:
        if is_absent(found):
            return ""
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise self._unexpected(path, found, "a cursor")
        return str(found)

    def _unexpected(self, path: str, found: Any, expected: str) -> ProtocolError:
        return ProtocolError(
            f"{self.where} has {_kind(found)} at {path!r} where {expected} was expected, so the rest cannot be read: "
            f"set the source's paging to where the way on stands."
        )


def _origin(parts: Any) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _kind(found: Any) -> str:
    """Return what a JSON value is, without showing it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return "a text"
    if isinstance(found, (int, float)):
        return "a number"
    return "a list" if isinstance(found, list) else "an object"
