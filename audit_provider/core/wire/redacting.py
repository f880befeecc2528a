"""Secrets, and every form in which an answer or a log line may quote them."""

from __future__ import annotations

import html
import json
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"

_current: ContextVar[Redactor | None] = ContextVar("redactor", default=None)


class Redactor:
    """Replaces known secrets in texts, also in the forms in which JSON, HTML and URLs write them.

    :param secrets: empty ones are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """Redact one more secret, such as a token fetched on the way."""
        if secret and secret not in self._forms:
            self._forms = sorted({*self._forms, *_forms(secret)}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return ``text`` with every known secret replaced."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def excerpt(self, body: bytes, most: int) -> str:
        """Return the first ``most`` letters of ``body`` without secrets, with single spaces as the only white space.

        The text is cut so early that it cannot end with a part of a secret, which would not be recognised.
        """
        longest = max(map(len, self._forms), default=0)
        cut = body[: 4 * (most + longest)]
        text = self.redact(cut.decode(errors="replace"))
        if len(cut) < len(body):
            text = text[: max(0, len(text) - longest)]
        return self.redact(" ".join(text.split()))[:most]

    @contextmanager
    def over_logs(self) -> Iterator[None]:
        """Redact what the HTTP library logs meanwhile: at DEBUG it logs addresses with their queries."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, redacted while a request is being sent."""
        redactor = _current.get()
        if redactor is not None:
            # A traceback quotes headers; our own error says what happened.
            record.msg, record.args = redactor.redact(record.getMessage()), None
            record.exc_info = record.exc_text = None
        return True


def _forms(secret: str) -> set[str]:
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    slashed = {each.replace("/", "\\/") for each in escaped}
    in_url = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return {secret, html.escape(secret), *escaped, *slashed, *in_url}


for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_Filter())
