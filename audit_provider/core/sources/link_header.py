"""The ``Link`` header, read as RFC 8288 has it. https://www.rfc-editor.org/rfc/rfc8288

Parsers in common use cut a link at a semicolon in its URL or in a title, know no list of relations, and mind case. A
link to the next page that is not recognised looks like the end of the list, so the header is read whole or refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from audit_provider.core.errors import ProtocolError

_TARGET = re.compile(r"<([^>]*)>")
_PARAMETER = re.compile(r"""[ \t]*;[ \t]*(?:([^\s"<>,;=]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s"<>,;]*)))?)?""")
_BETWEEN = re.compile(r"[ \t]*(?:,[ \t,]*|$)")
_ESCAPED = re.compile(r"\\(.)")
_MOST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    :ivar url: as it stands, so it may be relative. :ivar relations: in small letters.
    :ivar parameters: by their names in small letters; of one given twice, the first.
    """

    url: str
    relations: frozenset[str]
    parameters: Mapping[str, str]


def links_of(header: str, where: str) -> list[Link]:
    """Return the links of a ``Link`` header, in its order; none for an empty header.

    :param where: the request, for the message.
    :raises ProtocolError: it is no such header.
    """
    links: list[Link] = []
    place = len(header) - len(header.lstrip(" \t,"))
    while place < len(header):
        target = _TARGET.match(header, place)
        if not target:
            raise _unreadable(header, where)
        place = target.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, place):
            place = parameter.end()
            name, quoted, plain = parameter.groups()
            if name:
                value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain or ""
                parameters.setdefault(name.lower(), value)
        end = _BETWEEN.match(header, place)
        if not end:
            raise _unreadable(header, where)
        place = end.end()
        links.append(Link(target[1].strip(), frozenset(parameters.get("rel", "").lower().split()), parameters))
    return links


def _unreadable(header: str, where: str) -> ProtocolError:
    return ProtocolError(f"{where} answered with a Link header that cannot be read: {header[:_MOST_SHOWN]!r}.")
