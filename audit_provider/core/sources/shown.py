"""Read from an answer how to get the next page, strictly: a list ends only if the vendor says so.

Absent, null, false and an empty text mean that there is nothing more, and so does a value that the source declares as
an end. Any other value of an unexpected type is an error: if it counted as the end, the window would be closed, and the
events after it would never be read.

A ``Link`` header is read completely, or refused: parsers that skip what they cannot read, and parsers that refuse valid
headers (parameters without a value, a repeated ``rel``, text beyond ASCII), cannot tell the end from a damaged header.

https://www.rfc-editor.org/rfc/rfc8288#section-3
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import SplitResult, urljoin, urlsplit

from audit_provider.core.errors import ProtocolError
from audit_provider.core.records.fields import ABSENT, is_absent, whole_number

HEADER = "header:"
"""Prefix of a path that names a header of the answer, as in ``header: x-next-page``."""

End = str | int
"""A value in the place of a cursor that means the end of the list."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def is_header(path: str) -> bool:
    """Whether a path names a header of the answer, and not a place in its body."""
    return path[: len(HEADER)].lower() == HEADER


def header_of(path: str) -> str:
    """Return the name of the header that a path names; "" if it names none, or if it is not a valid header name."""
    name = path[len(HEADER) :].strip() if is_header(path) else ""
    return name if _HEADER_NAME.fullmatch(name) else ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page's answer says about the next page.

    :ivar value: Value in the answer's body at one of the paging's ``paths``, UNSET if it is absent; refuses a container
        of the wrong type.
    :ivar ids: Ids of the page's events, in its order.
    :ivar asked: Cursor of the request.
    :ivar base_url: Base URL of the service.
    :ivar path: Path of the first page's request.
    :ivar where: The request, for messages.
    :ivar last_id: The vendor's own id of the page's last record, "" if it has none.
    :ivar repeats: How many pages in a row, including this one, repeat the page before; only counted if the paging says
        that a list may end this way.
    :ivar redact: Removes secrets from quoted parts of the answer.
    """

    value: Callable[[str], Any]
    headers: Mapping[str, str]
    ids: Sequence[str]
    asked: str
    base_url: str
    path: str
    where: str
    last_id: str = ""
    repeats: int = 0
    redact: Callable[[str], str] = str

    def at(self, path: str) -> Any:
        """Return the value at a dotted path of the body, or in a header; UNSET if it is absent."""
        if not is_header(path):
            return self.value(path)
        text = self.headers.get(header_of(path))
        if text is None:
            return ABSENT
        # A header that came twice is one text, joined by commas.
        parts = {part.strip() for part in text.split(",")}
        return parts.pop() if len(parts) == 1 else text.strip()

    def ends(self, path: str, ends: Sequence[End]) -> bool:
        """Whether the value at ``path`` is one of those that mean the end of the list; they are compared as text."""
        if not ends:
            return False
        found = self.at(path)
        return type(found) in (str, int) and str(found) in map(str, ends)

    def cursor(self, path: str, ends: Sequence[End] = (), joined_by: str = "") -> str:
        """Return the cursor at ``path``, a text or a whole number; "" if there is none.

        :param ends: values that mean the end. :param joined_by: joins the values of a list; "" if none is expected.
        :raises ProtocolError: there is another kind of value.
        """
        if self.ends(path, ends):
            return ""
        found = self.at(path)
        if joined_by and isinstance(found, list) and found:
            values = [self._cursor(each, path) for each in found]
            if not all(values):
                raise self._unexpected(path, found, "a cursor of several values")
            return joined_by.join(values)
        return self._cursor(found, path)

    def url(self, path: str, ends: Sequence[End] = ()) -> str:
        """Return the URL at ``path``, or at the ``href`` of an object there; "" if there is none.

        :param ends: values that mean the end.
        :raises ProtocolError: there is another kind of value.
        """
        found = self.at(path)
        if isinstance(found, dict) and "href" in found:
            found, path = found["href"], f"{path}.href"
        if is_absent(found) or (type(found) in (str, int) and str(found) in map(str, ends)):
            return ""
        if not isinstance(found, str):
            raise self._unexpected(path, found, "a URL")
        return found

    def flag(self, path: str) -> bool | None:
        """Return the flag at ``path``; None if it is absent or null.

        :raises ProtocolError: there is another kind of value.
        """
        found = self.at(path) if path else None
        if isinstance(found, str) and is_header(path):
            # A header holds nothing but text.
            found = _FLAGS.get(found.lower(), found)
        if found is True or found is False:
            return found
        if is_absent(found):
            return False if found == "" else None
        raise self._unexpected(path, found, "true or false")

    def more(self, path: str, ends: Sequence[End] = ()) -> tuple[bool, str]:
        """Return whether the value at ``path``, a flag or a cursor, says that there is more; and the cursor, if any.

        :param ends: values that mean the end.
        :raises ProtocolError: there is another kind of value.
        """
        found = self.at(path)
        if self.ends(path, ends):
            return False, ""
        if isinstance(found, str) and is_header(path) and found.lower() in ("true", "false"):
            found = found.lower() == "true"
        if found is True:
            return True, ""
        cursor = self._cursor(found, path)
        return bool(cursor), cursor

    def count(self, path: str) -> int | None:
        """Return the count at ``path``, a whole number or its text; None if there is none.

        A negative number counts as none; services use it to say that they do not count.

        :raises ProtocolError: there is another kind of value.
        """
        found = self.at(path) if path else None
        if is_absent(found) or str(found) == "-1":
            return None
        if isinstance(found, str) and (number := whole_number(found)) is not None:
            return number
        if isinstance(found, bool) or not isinstance(found, int):
            raise self._unexpected(path, found, "a number")
        return found if found >= 0 else None

    def size(self, path: str) -> int | None:
        """Return the count at ``path``, or the length of a list there; None if there is neither.

        :raises ProtocolError: there is another kind of value.
        """
        found = self.at(path)
        return len(found) if isinstance(found, list) else self.count(path)

    def asked_number(self, first: int) -> int:
        """Return the page number of the request.

        :param first: number if the request had none.
        :raises ProtocolError: the cursor is not a number, for example if another type of paging wrote the position.
        """
        if not self.asked:
            return first
        number = whole_number(self.asked)
        if number is None:
            raise ProtocolError(
                f"{self.where} was requested with a cursor that is not a number, so the rest cannot be read: delete "
                "the position's Variable to read again from 'start'."
            )
        return number

    def links(self) -> list[Link]:
        """Return the links of the ``Link`` header that are the page's own.

        :raises ProtocolError: the header cannot be read to its end.
        """
        try:
            found = links_in(self.headers.get("Link", ""))
        except UnreadableLinkError as error:
            raise ProtocolError(
                f"{self.where} sent a Link header with {error.reason} at its character {error.position} "
                f"({self.redact(error.shown)!r}), so the next page cannot be found: let the service, or the proxy in "
                "front of it, send the header as RFC 8288 says, or use another type of paging."
            ) from None
        return [link for link in found if self._is_own(link)]

    def local(self, url: str, hosts: Sequence[str] = ()) -> str:
        """Return path and query of a URL in the answer, if it leads to the connection's own host.

        Behind a proxy a service may not know the scheme and port by which it is reached, so these are ignored: the next
        request always goes to the connection's address.

        :param hosts: other names of that host.
        :raises ProtocolError: it leads to another host, to which the credential must not be sent.
        """
        base = urlsplit(self.base_url)
        try:
            target = urlsplit(urljoin(f"{self.base_url}{self.asked or self.path}", url))
            name, _ = _host(target), target.port
        except ValueError:
            raise ProtocolError(f"{self.where} gave an invalid address for the next page.") from None
        if target.scheme not in ("http", "https") or target.username is not None:
            strange = "a user name" if target.username is not None else f"the scheme {target.scheme!r}"
            raise ProtocolError(
                f"{self.where} gave a next page at an address with {strange}, which may lead to another host and is "
                "not followed: use another type of paging."
            )
        if name not in (_host(base), *(host.lower().rstrip(".") for host in hosts)):
            raise ProtocolError(
                f"{self.where} gave a next page on another host ({name}), which is not followed: if that is another "
                "name of the same API, for example behind a proxy, list it in the source's paging.hosts; its pages are "
                "then requested from the connection's own address."
            )
        prefix = base.path.rstrip("/")
        path = target.path.removeprefix(prefix) if target.path.startswith(f"{prefix}/") else target.path
        return f"{path or '/'}?{target.query}" if target.query else path or "/"

    def _is_own(self, link: Link) -> bool:
        """Whether a link belongs to this page, and not to another resource that its ``anchor`` names."""
        if "anchor" not in link.params:
            return True
        page = f"{self.base_url}{self.asked or self.path}".partition("?")[0]
        try:
            anchor = urlsplit(urljoin(page, link.params["anchor"]))
        except ValueError:
            return False
        # Behind a proxy a service may know itself by another name.
        return anchor.path.rstrip("/") == urlsplit(page).path.rstrip("/") and not anchor.fragment

    def _cursor(self, found: Any, path: str) -> str:
        if is_absent(found):
            return ""
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise self._unexpected(path, found, "a cursor")
        return str(found)

    def _unexpected(self, path: str, found: Any, expected: str) -> ProtocolError:
        return ProtocolError(
            f"{self.where} has {_kind(found)} at {path!r} where {expected} was expected, so the rest cannot be read: "
            "correct the paths in the source's paging."
        )


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _kind(found: Any) -> str:
    """Return what a JSON value is, without showing it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return "a text"
    if isinstance(found, (int, float)):
        return "a number"
    return "a list" if isinstance(found, list) else "an object"


_BETWEEN_LINKS = re.compile(r"[\s,]*")
_TARGET = re.compile(r"<([^<>]*)>")
_SEPARATOR = re.compile(r"\s*;[\s;]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r'[^\s",;<>\x00-\x1f\x7f-\U0010ffff]+')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LINK_ENDS = re.compile(r"\s*(?:,|$)")

_SECRETS = re.compile(r"""\?[^>"\s]*|"(?:[^"\\]|\\.)*(?:"|$)|=[^\s";,<>]+""", re.DOTALL)
_LONG = re.compile(r"""(<[^\s;,>?]*)|[^\s;,<>="]{9,}""")
_SHOWN_BEFORE, _SHOWN_AFTER = 60, 30


class UnreadableLinkError(ValueError):
    """A ``Link`` header that cannot be read to its end.

    :ivar reason: what was found. :ivar position: number of the first unreadable character, from 1.
    :ivar shown: the text around it, without queries and values, because these may hold secrets.
    """

    def __init__(self, reason: str, header: str, position: int) -> None:
        before = _SECRETS.sub(_masked, header[:position])[-_SHOWN_BEFORE:]
        after = _LONG.sub(lambda found: found[1] or "…", _SECRETS.sub(_masked, header[position:]))[:_SHOWN_AFTER]
        super().__init__(reason)
        self.reason = reason
        self.position = position + 1
        self.shown = f"{before}[here]{after}"


@dataclass(frozen=True, slots=True)
class Link:
    """One link. :ivar target: its URL as it is written. :ivar params: by name in lower case, the first of each name."""

    target: str
    params: Mapping[str, str]

    @property
    def relations(self) -> frozenset[str]:
        """Relations of the target to the page, in lower case; ``rel`` may hold several words."""
        # Apostrophes are not quotes here, but some services use them as quotes.
        return frozenset(self.params.get("rel", "").strip("'").lower().split())


def links_in(header: str) -> list[Link]:
    """Return the links of a ``Link`` header; several headers are one, joined by commas.

    :raises UnreadableLinkError: it cannot be read to its end.
    """
    links = []
    at = _past(_BETWEEN_LINKS, header, 0)
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            _refuse("a '<' without its '>'" if header[at] == "<" else "something other than a link", header, at)
        params, at = _params(header, target.end())
        links.append(Link(target[1].strip(), params))
        at = _past(_BETWEEN_LINKS, header, at)
    return links


def _params(header: str, at: int) -> tuple[dict[str, str], int]:
    """Return the parameters that begin at ``at``, and where they end."""
    params: dict[str, str] = {}
    while not _LINK_ENDS.match(header, at):
        separator = _SEPARATOR.match(header, at)
        if separator is None:
            _refuse("something other than ';' or ','", header, at)
        at = separator.end()
        if _LINK_ENDS.match(header, at):
            break
        name = _NAME.match(header, at)
        if name is None:
            _refuse("something other than the name of a parameter", header, at)
        value, at = _value(header, name.end())
        params.setdefault(name[0].lower(), value)
    return params, at


def _value(header: str, at: int) -> tuple[str, int]:
    """Return a parameter's value, "" if it has none, and where it ends."""
    equals = _EQUALS.match(header, at)
    if equals is None:
        return "", at
    at = equals.end()
    if quoted := _QUOTED.match(header, at):
        return _ESCAPE.sub(r"\1", quoted[1]), quoted.end()
    bare = _BARE.match(header, at)
    if bare is None:
        _refuse("a quote without its end" if header[at : at + 1] == '"' else "no value after '='", header, at)
    return bare[0], bare.end()


def _past(pattern: re.Pattern[str], header: str, at: int) -> int:
    found = pattern.match(header, at)
    return found.end() if found else at


def _refuse(reason: str, header: str, at: int) -> NoReturn:
    raise UnreadableLinkError(reason, header, at)


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] == '"':
        return text if text.strip('"').lower() in ("next", "prev", "previous", "first", "last") else '"…"'
    return f"{text[0]}…"
