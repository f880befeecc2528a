"""What a service answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from audit_provider.core.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, read whole.

    :ivar where: method, host and path; what error messages name. Never the query.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    where: str

    def json(self) -> Any:
        """Return the body as JSON.

        :raises ProtocolError: it is something else, such as a proxy's HTML page.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProtocolError(self.not_json()) from None

    @property
    def is_web_page(self) -> bool:
        """Whether the body is a web page, as proxies and login pages send it."""
        return b"<html" in self.body[:2000].lower() or self._kind == "text/html"

    @property
    def _kind(self) -> str:
        return self.headers.get("Content-Type", "no content type").split(";")[0]

    def not_json(self) -> str:
        """Return the sentence for a body that is not JSON."""
        if self.is_web_page:
            title = re.search(rb"<title[^>]*>([^<]{1,80})", self.body, re.IGNORECASE)
            name = f" titled {title[1].decode(errors='replace').strip()!r}" if title else ""
            return (
                f"{self.where} answered {self.status} with a web page{name} instead of JSON: "
                f"check the connection's host, and whether a proxy or a login page stands in between."
            )
        return (
            f"{self.where} answered {self.status} with {len(self.body)} bytes of {self._kind} that are not JSON: "
            f"check that the connection's host is the API's address."
        )
