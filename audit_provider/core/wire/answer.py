"""What a service answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.loose_json import BrokenError, as_utf8, rewritten

_WORDS_SHOWN = 80
_HEAD_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's complete answer.

    :ivar where: Method, host and path, for error messages. Never the query.
    :ivar redact: Removes secrets from quoted parts of the answer.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    where: str
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    def json(self) -> Any:
        """Return the body as JSON, also as programs write it by mistake, and with a byte order mark before it.

        :raises ProtocolError: it is something else, such as a proxy's HTML page.
        """
        body = as_utf8(self.body)
        try:
            return msgspec.json.decode(body)
        except UNREADABLE:
            pass
        try:
            return msgspec.json.decode(rewritten(body).text)
        except (BrokenError, *UNREADABLE):
            # Beside what is no JSON: numbers of too many digits.
            raise ProtocolError(self.not_json()) from None

    @property
    def is_web_page(self) -> bool:
        """Whether the body is a web page, as proxies and login pages send it."""
        return b"<html" in self.body[:2000].lower() or self._kind == "text/html"

    def web_page(self) -> str:
        """Return ``a web page titled '…'``."""
        title = re.search(rb"<title[^>]{0,200}>([^<]+)", self.body[:_HEAD_BYTES], re.IGNORECASE)
        said = self.redact(title[1].decode(errors="replace")).strip()[:_WORDS_SHOWN] if title else ""
        return f"a web page titled {said!r}" if said else "a web page"

    @property
    def _kind(self) -> str:
        return self.redact(self.headers.get("Content-Type", "no content type").split(";")[0])[:_WORDS_SHOWN]

    def not_json(self) -> str:
        """Return the sentence for a body that is not JSON."""
        if self.is_web_page:
            return (
                f"{self.where} answered {self.status} with {self.web_page()} instead of JSON: check the connection's "
                "host, and whether a proxy or a login page is in between."
            )
        return (
            f"{self.where} answered {self.status} with {len(self.body)} bytes of {self._kind} that are not JSON: check "
            "that the connection's host is the API's address."
        )
