"""Reads the ``Link`` header by RFC 8288 completely, or refuses it.

Paging by links ends if there is no next link, so a header that is only read in part must not look like one without it.
Parsers that skip what they cannot read, and parsers that refuse valid headers (parameters without a value, a repeated
``rel``, text beyond ASCII), cannot distinguish the two.

https://www.rfc-editor.org/rfc/rfc8288#section-3
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

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

    :ivar reason: what stands there. :ivar position: of the first character that could not be read, from 1.
    :ivar shown: what stands around it, without queries and values, for these may hold secrets.
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
    """One link. :ivar target: its URL as it is written. :ivar params: by name in small letters, the first of each."""

    target: str
    params: Mapping[str, str]

    @property
    def relations(self) -> frozenset[str]:
        """What the target is to the page, in small letters: ``rel`` holds any number of words."""
        # Apostrophes quote nothing here, yet some services write them as quotes.
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
    """Return a parameter's value, "" where it has none, and where it ends."""
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
